//! The configuration file: parsing with every problem at once, validation, and the commented defaults. No IO.
