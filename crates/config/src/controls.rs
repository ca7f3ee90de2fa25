//! The switches of the security controls.

use crate::problem::Problems;
use crate::section::Section;

/// One control: its key in `[controls]`, what it does, and how to read its switch.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// The kebab-case key. It is a stable id.
    pub name: &'static str,
    /// What the control does, in one line.
    pub description: &'static str,
    read: fn(&Controls) -> bool,
    set: fn(&mut Controls, bool),
}

impl Control {
    /// Whether this control is on in `controls`.
    pub fn is_on(&self, controls: &Controls) -> bool {
        (self.read)(controls)
    }
}

macro_rules! controls {
    ($($field:ident, $name:literal, $description:literal;)*) => {
        /// The `[controls]` section. Every control is on unless it is switched off by name;
        /// [`Config::warnings`](crate::Config::warnings) names each one that is off.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Controls {
            $(#[doc = $description] pub $field: bool,)*
        }

        impl Default for Controls {
            fn default() -> Self {
                Self { $($field: true,)* }
            }
        }

        /// Every control, in the order in which a message meets them.
        pub const CONTROLS: &[Control] = &[
            $(Control {
                name: $name,
                description: $description,
                read: |controls| controls.$field,
                set: |controls, on| controls.$field = on,
            },)*
        ];
    };
}

controls! {
    host_check, "host-check", "Refuses a request whose Host header names none of the allowed hosts (DNS rebinding).";
    origin_check, "origin-check", "Refuses a request from a web page whose Origin is not allowed.";
    header_agreement, "header-agreement", "Refuses a message whose Mcp-* headers and body disagree.";
    authentication, "authentication", "Refuses a request without a valid credential.";
    revocation, "revocation", "Refuses whoever was revoked, and ends streams that are open.";
    session_binding, "session-binding", "Accepts a session id only from the principal it was issued to.";
    definition_pins, "definition-pins", "Shows and calls only definitions whose approved hash still holds.";
    server_identity, "server-identity", "Holds a server back whose key, program or authorization server is another one.";
    authorization, "authorization", "Forwards a message only if a Cedar policy permits it.";
    step_up, "step-up", "Asks for a stronger sign-in where a policy demands one.";
    sanitiser, "sanitiser", "Finds hidden and terminal-control characters, and acts as `[shield]` says.";
    egress_guard, "egress-guard", "Fetches from addresses that others named only where they are public or allowed.";
    receipts, "receipts", "Writes what was altered or found into `_meta` of the reply.";
    audit, "audit", "Records every message durably, before it is sent and when it is done.";
}

impl Controls {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "controls");
        let mut controls = Self::default();
        for control in CONTROLS {
            if let Some(on) = section.boolean(problems, control.name) {
                (control.set)(&mut controls, on);
            }
        }
        section.finish(problems);
        controls
    }
}
