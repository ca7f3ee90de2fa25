//! The guard against server-side request forgery (OWASP A10:2021; MCP, security best practices,
//! SSRF).

use std::fmt;
use std::net::IpAddr;

use crate::address::AddressClass;
use crate::allowed::Allowed;
use crate::target::Target;

/// Who named an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Naming {
    /// The operator wrote it into the configuration. It may lead into private networks and to this
    /// machine, but never to a link-local or metadata address.
    Configured,
    /// It came from somebody else: metadata, a token, a client. It leads to public addresses, or
    /// to what [`Settings::allow`](crate::Settings::allow) names.
    Found,
}

/// Why the guard refuses an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// It cannot be read as an address with a host.
    Malformed,
    /// Its scheme is neither `https` nor `http`.
    Scheme,
    /// It holds user information, which hides the host from a reader.
    UserInformation,
    /// It is `http`, and the host is not this machine.
    PlainHttp,
    /// An address of the host is of a class that it must not lead to.
    Address(AddressClass),
    /// A redirect from `https` to `http`.
    Downgrade,
    /// A redirect that would carry a request's body to another origin.
    ForeignBody,
}

impl Rule {
    /// Its stable id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "address-malformed",
            Self::Scheme => "address-scheme",
            Self::UserInformation => "address-user-information",
            Self::PlainHttp => "address-plain-http",
            Self::Address(AddressClass::Public) => "address-public",
            Self::Address(AddressClass::Loopback) => "address-loopback",
            Self::Address(AddressClass::Private) => "address-private",
            Self::Address(AddressClass::UniqueLocal) => "address-unique-local",
            Self::Address(AddressClass::Shared) => "address-shared",
            Self::Address(AddressClass::Benchmarking) => "address-benchmarking",
            Self::Address(AddressClass::Documentation) => "address-documentation",
            Self::Address(AddressClass::Metadata) => "address-metadata",
            Self::Address(AddressClass::LinkLocal) => "address-link-local",
            Self::Address(AddressClass::Multicast) => "address-multicast",
            Self::Address(AddressClass::Unspecified) => "address-unspecified",
            Self::Address(AddressClass::Reserved) => "address-reserved",
            Self::Downgrade => "redirect-downgrade",
            Self::ForeignBody => "redirect-foreign-body",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What requests may reach.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// Whether [`Naming::Found`] differs from [`Naming::Configured`].
    pub(crate) is_strict: bool,
    pub(crate) allow: Vec<Allowed>,
}

impl Guard {
    /// Judges every address that the host of the target has: one that is not fit refuses them all,
    /// because whoever answers for the name chooses their order.
    pub(crate) fn judge(
        &self,
        target: &Target,
        addresses: &[IpAddr],
        naming: Naming,
    ) -> Result<(), Rule> {
        addresses
            .iter()
            .try_for_each(|address| self.judge_one(target, *address, naming))
    }

    fn judge_one(&self, target: &Target, address: IpAddr, naming: Naming) -> Result<(), Rule> {
        let class = AddressClass::of(address);
        let trusted = !self.is_strict
            || naming == Naming::Configured
            || self.allow.iter().any(|one| one.covers(target, address));
        if class.is_never_reached() || !(trusted || class == AddressClass::Public) {
            return Err(Rule::Address(class));
        }
        if !target.is_secure && class != AddressClass::Loopback {
            return Err(Rule::PlainHttp);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
