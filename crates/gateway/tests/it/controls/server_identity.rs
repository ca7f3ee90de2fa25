//! The same name with another key, under the same authority: TLS alone lets it pass.

use crate::server_identity::front::Issued;
use crate::server_identity::{Place, held, search, serves_again};

#[tokio::test]
async fn server_identity_lets_the_pinned_key_through() {
    let place = Place::new().await;
    let gateway = place.builder(&place.pinned()).start().await;
    assert_eq!(search(&gateway).await, "");
    assert_eq!(place.calls(), 1);
    gateway.finish().await;
}

#[tokio::test]
async fn server_identity_stops_another_key() {
    let place = Place::new().await;
    let gateway = place.builder(&place.pinned()).start().await;
    let another = Issued::by(&place.authority);
    place.front.become_another(&another, None).await;
    held(&gateway, "certificate").await;
    assert_eq!(place.server.received().len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn without_server_identity_another_key_passes() {
    let place = Place::new().await;
    let builder = place.builder(&place.pinned()).without("server-identity");
    let gateway = builder.start().await;
    let another = Issued::by(&place.authority);
    place.front.become_another(&another, None).await;
    serves_again(&gateway).await;
    assert_eq!(place.calls(), 1);
    gateway.finish().await;
}
