//! Every method of every revision, who may send it and when it existed.

use crate::result::ListKind;
use crate::version::{Era, ProtocolVersion};

macro_rules! methods {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A method that some revision, or the tasks extension, defines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
        }

        impl Method {
            /// Every method.
            pub const ALL: &[Method] = &[$(Method::$variant),+];

            /// The method with exactly this name; `None` for one that no revision defines.
            pub fn parse(name: &str) -> Option<Method> {
                match name {
                    $($name => Some(Method::$variant),)+
                    _ => None,
                }
            }

            /// Its name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Method::$variant => $name,)+
                }
            }
        }
    };
}

methods! {
    Initialize = "initialize",
    ServerDiscover = "server/discover",
    Ping = "ping",
    ToolsList = "tools/list",
    ToolsCall = "tools/call",
    ResourcesList = "resources/list",
    ResourceTemplatesList = "resources/templates/list",
    ResourcesRead = "resources/read",
    ResourcesSubscribe = "resources/subscribe",
    ResourcesUnsubscribe = "resources/unsubscribe",
    PromptsList = "prompts/list",
    PromptsGet = "prompts/get",
    CompletionComplete = "completion/complete",
    LoggingSetLevel = "logging/setLevel",
    SubscriptionsListen = "subscriptions/listen",
    TasksGet = "tasks/get",
    TasksUpdate = "tasks/update",
    TasksResult = "tasks/result",
    TasksList = "tasks/list",
    TasksCancel = "tasks/cancel",
    SamplingCreateMessage = "sampling/createMessage",
    ElicitationCreate = "elicitation/create",
    RootsList = "roots/list",
    Initialized = "notifications/initialized",
    Cancelled = "notifications/cancelled",
    Progress = "notifications/progress",
    LogMessage = "notifications/message",
    ToolsListChanged = "notifications/tools/list_changed",
    PromptsListChanged = "notifications/prompts/list_changed",
    ResourcesListChanged = "notifications/resources/list_changed",
    ResourcesUpdated = "notifications/resources/updated",
    RootsListChanged = "notifications/roots/list_changed",
    ElicitationComplete = "notifications/elicitation/complete",
    TasksStatus = "notifications/tasks/status",
    TasksNotification = "notifications/tasks",
    SubscriptionsAcknowledged = "notifications/subscriptions/acknowledged",
}

/// Which side may start a message with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The host's side.
    Client,
    /// The MCP server.
    Server,
    /// Both.
    Either,
}

impl Method {
    /// Whether it is sent without an id and gets no reply.
    pub fn is_notification(self) -> bool {
        self.as_str().starts_with("notifications/")
    }

    /// Which side may send it, over all revisions.
    pub fn sender(self) -> Sender {
        use Method as M;
        match self {
            M::Ping | M::Cancelled | M::Progress => Sender::Either,
            // 2025-11-25 lets both sides create tasks, so both sides may ask about them.
            M::TasksGet | M::TasksResult | M::TasksList | M::TasksCancel | M::TasksStatus => {
                Sender::Either
            }
            M::SamplingCreateMessage
            | M::ElicitationCreate
            | M::RootsList
            | M::LogMessage
            | M::ToolsListChanged
            | M::PromptsListChanged
            | M::ResourcesListChanged
            | M::ResourcesUpdated
            | M::ElicitationComplete
            | M::TasksNotification
            | M::SubscriptionsAcknowledged => Sender::Server,
            _ => Sender::Client,
        }
    }

    /// Whether it is a JSON-RPC message of that revision (the tasks extension counts as 2026-07-28).
    ///
    /// In 2026-07-28 servers send no requests: sampling, elicitation and roots travel inside
    /// `inputRequests` of a result, so they are not messages of that revision.
    pub fn exists_in(self, version: ProtocolVersion) -> bool {
        use Method as M;
        let legacy = version.era() == Era::Legacy;
        match self {
            M::ServerDiscover
            | M::SubscriptionsListen
            | M::SubscriptionsAcknowledged
            | M::TasksUpdate
            | M::TasksNotification => !legacy,
            M::Initialize
            | M::Initialized
            | M::Ping
            | M::ResourcesSubscribe
            | M::ResourcesUnsubscribe
            | M::LoggingSetLevel
            | M::SamplingCreateMessage
            | M::RootsList
            | M::RootsListChanged => legacy,
            M::ElicitationCreate => legacy && version >= ProtocolVersion::V2025_06_18,
            M::ElicitationComplete | M::TasksResult | M::TasksList | M::TasksStatus => {
                version == ProtocolVersion::V2025_11_25
            }
            M::TasksGet | M::TasksCancel => version >= ProtocolVersion::V2025_11_25,
            M::ToolsList
            | M::ToolsCall
            | M::ResourcesList
            | M::ResourceTemplatesList
            | M::ResourcesRead
            | M::PromptsList
            | M::PromptsGet
            | M::CompletionComplete
            | M::Cancelled
            | M::Progress
            | M::LogMessage
            | M::ToolsListChanged
            | M::PromptsListChanged
            | M::ResourcesListChanged
            | M::ResourcesUpdated => true,
        }
    }

    /// What it lists, for the four methods that list definitions.
    pub fn list_kind(self) -> Option<ListKind> {
        match self {
            Method::ToolsList => Some(ListKind::Tools),
            Method::PromptsList => Some(ListKind::Prompts),
            Method::ResourcesList => Some(ListKind::Resources),
            Method::ResourceTemplatesList => Some(ListKind::ResourceTemplates),
            _ => None,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
