//! Content inspection: rules, findings, verdicts and the sanitiser. No IO.
