//! Servers are called with credentials of their own: each way in which the gateway gets them, from end
//! to end. The caller's token is a canary in all of these tests: it may be in no request to a server, in
//! no record, no reply and no line of the log.

mod bound;
mod exchanged;
mod granted;
mod logs;
mod own;
mod refused;
mod scene;
