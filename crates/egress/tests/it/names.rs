//! A resolver whose answers a test writes.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use portcullis_egress::{Resolve, Resolving};

/// The answers of each name, in turn; the last one stays.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn new(answers: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|one| one.parse().unwrap()).collect();
        let answers = answers
            .iter()
            .map(|(name, answers)| ((*name).to_owned(), answers.iter().map(parse).collect()))
            .collect();
        Arc::new(Self {
            answers,
            asked: Mutex::default(),
        })
    }

    /// The names that were looked up, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let mut asked = self.asked.lock().unwrap();
            let before = asked.iter().filter(|one| *one == name).count();
            asked.push(name.to_owned());
            let answers = self
                .answers
                .get(name)
                .ok_or_else(|| io::Error::other("no such name"))?;
            Ok(answers[before.min(answers.len() - 1)].clone())
        })
    }
}
