//! Distinguished names as text (RFC 4514), so that no two names are written alike.

use std::fmt::Write as _;

use x509_parser::asn1_rs::ToDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The types that have a short name (RFC 4514 section 3).
const SHORT: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// Writes a name, the most particular part first; `None` when it is empty or cannot be written.
pub(super) fn write(name: &X509Name<'_>) -> Option<String> {
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for part in parts.into_iter().rev() {
        if !out.is_empty() {
            out.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                out.push('+');
            }
            write_attribute(&mut out, attribute)?;
        }
    }
    (!out.is_empty()).then_some(out)
}

fn write_attribute(out: &mut String, attribute: &AttributeTypeAndValue<'_>) -> Option<()> {
    let id = attribute.attr_type().to_id_string();
    let short = SHORT.iter().find(|(known, _)| *known == id);
    match (short, attribute.as_str()) {
        (Some((_, name)), Ok(value)) => {
            out.push_str(name);
            out.push('=');
            escape(out, value);
        }
        // Section 2.4: a type without a short name, or a value that is no plain string.
        _ => {
            let der = attribute.attr_value().to_der_vec().ok()?;
            out.push_str(&id);
            out.push_str("=#");
            for byte in der {
                write!(out, "{byte:02X}").ok()?;
            }
        }
    }
    Some(())
}

/// Section 2.4.
fn escape(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        match c {
            '\0' => {
                out.push_str("\\00");
                continue;
            }
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.push('\\'),
            ' ' if index == 0 || index == last => out.push('\\'),
            '#' if index == 0 => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
}
