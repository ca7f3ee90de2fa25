//! Who calls: from the credential that was shown to an identity.
