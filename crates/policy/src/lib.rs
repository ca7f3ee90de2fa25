//! Authorization by Cedar: schema, entities, decisions and their explanation. No IO.
