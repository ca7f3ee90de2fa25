use portcullis_front::{EventKind, Invitation, Person, Proof};
use portcullis_lab::entra::sample::{ADA, CONTOSO, GRACE, tenants};

use crate::browser::{Browser, Page};
use crate::world::{BASE, World};

fn person(upn: &str) -> Person {
    let oid = tenants()[0].user(upn).unwrap().oid.clone();
    Person {
        principal: format!("entra|{CONTOSO}|{oid}"),
        issuer: Some("entra".to_owned()),
        tenant: Some(CONTOSO.to_owned()),
        subject: oid,
        name: upn.to_owned(),
        issued: Some(1_800_000_000),
    }
}

fn invite(world: &World, upn: &str, proof: Proof) -> Invitation {
    world.front.invite(&person(upn), "crm", &[], proof).unwrap()
}

async fn confirm(world: &World, browser: &mut Browser, url: &str, page: &Page, code: &str) -> Page {
    let form = page.field("form");
    let form = [("form", form.as_str()), ("code", code)];
    browser.post(&world.front, url, &form).await
}

const CALLBACK: &str = "http://127.0.0.1:8642/connect/callback?code=c&state=s";

#[tokio::test]
async fn who_signs_in_as_the_person_connects_the_account() {
    let world = World::new().await;
    let invited = invite(&world, ADA, Proof::SignIn);
    assert_eq!(invited.code, None);
    let mut browser = Browser::default();
    let page = browser.get(&world.front, &invited.url).await;
    for shown in [
        "Contacts",
        "crm.example.com",
        "contacts.read",
        ADA,
        "Sign in and connect",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains("name=\"code\""));
    let onward = confirm(&world, &mut browser, &invited.url, &page, "").await;
    assert!(onward.leads_to().as_str().starts_with(world.lab.base_url()));
    assert_eq!(onward.parameter("scope").as_deref(), Some("openid profile"));
    assert!(world.grants.begun.lock().unwrap().is_empty());
    // The lab signs Ada in.
    let back = browser.at_issuer(&onward).await;
    let to = browser.get(&world.front, back.as_str()).await;
    assert_eq!(to.status, 302, "{}", to.body);
    assert_eq!(to.leads_to().host_str(), Some("crm.example.com"));
    // The server's sign-in in another browser is refused; in this one it is done.
    let done = browser.get(&world.front, CALLBACK).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.body.contains("You may close this page"));
    let events = world.events.lock().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.kind, EventKind::Connected);
    assert_eq!(
        last.subject.as_deref(),
        Some(person(ADA).principal.as_str())
    );
}

/// What a server asked for besides is on the page, and in what begins then.
#[tokio::test]
async fn a_link_holds_the_scopes_that_the_server_asked_for() {
    let world = World::new().await;
    let scopes = ["contacts.write", "<b>", "contacts.read"].map(str::to_owned);
    let invited = world
        .front
        .invite(&person(ADA), "crm", &scopes, Proof::Code);
    let invited = invited.unwrap();
    assert!(!invited.url.contains("contacts"), "{}", invited.url);
    let mut browser = Browser::default();
    let page = browser.get(&world.front, &invited.url).await;
    for shown in ["contacts.read", "contacts.write", "&lt;b&gt;"] {
        let shown = format!("<code>{shown}</code>");
        assert_eq!(page.body.matches(&shown).count(), 1, "{}", page.body);
    }
    let code = invited.code.unwrap();
    let url = format!("{}?scopes=contacts.delete", invited.url);
    confirm(&world, &mut browser, &url, &page, &code).await;
    assert_eq!(*world.grants.scopes.lock().unwrap(), scopes);
    // A link is no place for everything that a server can think of.
    let many = vec!["x".repeat(100); 21];
    let refused = world.front.invite(&person(ADA), "crm", &many, Proof::Code);
    assert_eq!(
        refused.err().unwrap().to_string(),
        "there are too many scopes"
    );
}

#[tokio::test]
async fn everybody_may_read_which_client_the_gateway_is() {
    let world = World::new().await;
    let url = format!("{BASE}/connect/client.json");
    let page = Browser::default().get(&world.front, &url).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body, "{\"client_name\":\"Portcullis\"}");
}

/// Somebody sends their own link to another person, who signs in as themselves.
#[tokio::test]
async fn a_link_that_was_sent_on_connects_nobody() {
    let world = World::new().await;
    let invited = invite(&world, GRACE, Proof::SignIn);
    let mut victim = Browser::default();
    let page = victim.get(&world.front, &invited.url).await;
    let onward = confirm(&world, &mut victim, &invited.url, &page, "").await;
    // The lab signs Ada in.
    let back = victim.at_issuer(&onward).await;
    let page = victim.get(&world.front, back.as_str()).await;
    assert_eq!(page.rule(), "connect-other-person");
    assert!(world.grants.begun.lock().unwrap().is_empty());
    // Or the request itself says who it is.
    let mut known = Browser {
        principal: Some(person(ADA).principal),
        ..Browser::default()
    };
    let page = known.get(&world.front, &invited.url).await;
    assert_eq!(page.rule(), "connect-other-person");
}

#[tokio::test]
async fn a_request_that_says_who_it_is_needs_no_more() {
    let world = World::new().await;
    let invited = invite(&world, ADA, Proof::Code);
    let mut known = Browser {
        principal: Some(person(ADA).principal),
        ..Browser::default()
    };
    let page = known.get(&world.front, &invited.url).await;
    assert!(!page.body.contains("name=\"code\""));
    let onward = confirm(&world, &mut known, &invited.url, &page, "").await;
    assert_eq!(onward.leads_to().host_str(), Some("crm.example.com"));
}

#[tokio::test]
async fn a_code_has_five_tries_and_a_ticket_one_use() {
    let world = World::new().await;
    let invited = invite(&world, ADA, Proof::Code);
    let code = invited.code.unwrap();
    let mut browser = Browser::default();
    let page = browser.get(&world.front, &invited.url).await;
    for wrong in ["", "BBBB-BBBB", &code[1..]] {
        let answer = confirm(&world, &mut browser, &invited.url, &page, wrong).await;
        assert_eq!(answer.rule(), "connect-code-wrong");
    }
    let typed = code.to_lowercase().replace('-', " ");
    let onward = confirm(&world, &mut browser, &invited.url, &page, &typed).await;
    assert_eq!(onward.leads_to().host_str(), Some("crm.example.com"));
    let again = confirm(&world, &mut browser, &invited.url, &page, &code).await;
    assert_eq!(again.rule(), "connect-ticket-invalid");
    // Five wrong ones, and the right one is of no more use.
    let invited = invite(&world, ADA, Proof::Code);
    let code = invited.code.unwrap();
    let page = browser.get(&world.front, &invited.url).await;
    for _ in 0..5 {
        confirm(&world, &mut browser, &invited.url, &page, "BBBB-BBBB").await;
    }
    let late = confirm(&world, &mut browser, &invited.url, &page, &code).await;
    assert_eq!(late.rule(), "connect-ticket-invalid");
}

#[tokio::test]
async fn a_ticket_is_ours_and_young_and_its_form_is_this_browsers() {
    let world = World::new().await;
    let invited = invite(&world, ADA, Proof::Code);
    let code = invited.code.unwrap();
    let (mut one, mut two) = (Browser::default(), Browser::default());
    let page = one.get(&world.front, &invited.url).await;
    let answer = confirm(&world, &mut two, &invited.url, &page, &code).await;
    assert_eq!(answer.rule(), "consent-form-invalid");
    one.headers = vec![("origin", "https://evil.example".to_owned())];
    let answer = confirm(&world, &mut one, &invited.url, &page, &code).await;
    assert_eq!(answer.rule(), "form-of-another-site");
    one.headers.clear();
    for ticket in [
        "x".to_owned(),
        format!("{}A", invited.url.rsplit('/').next().unwrap()),
    ] {
        let page = one
            .get(&world.front, &format!("{BASE}/connect/{ticket}"))
            .await;
        assert_eq!(page.rule(), "connect-ticket-invalid");
    }
    world.clock.advance(601);
    assert_eq!(
        one.get(&world.front, &invited.url).await.rule(),
        "connect-ticket-invalid"
    );
    assert!(
        world
            .front
            .invite(&person(ADA), "unknown", &[], Proof::Code)
            .is_err()
    );
    // The server's sign-in, in a browser that did not begin it.
    assert_eq!(
        two.get(&world.front, CALLBACK).await.rule(),
        "grant-other-browser"
    );
}
