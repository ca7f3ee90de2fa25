//! The pages and endpoints that browsers and OAuth clients meet.
