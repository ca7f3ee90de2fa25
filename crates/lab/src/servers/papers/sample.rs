//! The bibliographic sample in an in-memory SQLite database with a full-text index.

use serde::Deserialize;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use tokio::sync::Mutex;

const SAMPLE: &str = include_str!("../../../data/papers.jsonl");

/// One bibliographic record; see `data/README.md`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// arXiv identifier, or a short name.
    pub id: String,
    /// Title.
    pub title: String,
    /// Authors in order; a last entry `others` stands for those left out.
    pub authors: Vec<String>,
    /// Year of the publication.
    pub year: u16,
    /// Where it appeared.
    pub venue: String,
    /// arXiv identifier.
    #[serde(default)]
    pub arxiv: Option<String>,
    /// Digital object identifier.
    #[serde(default)]
    pub doi: Option<String>,
    /// One sentence of our own.
    pub summary: String,
}

/// Why the sample could not be loaded or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A line of the embedded file is no record.
    #[error("a line of the sample is no bibliographic record")]
    Record(#[from] serde_json::Error),
    /// The database refused.
    #[error("the sample's database failed")]
    Database(#[from] sqlx::Error),
}

/// The records, searchable.
pub(crate) struct Sample {
    // One connection, because every further one to `:memory:` would be another, empty database.
    database: Mutex<SqliteConnection>,
}

impl Sample {
    /// Loads the embedded records and `extra`.
    pub(crate) async fn load(extra: Option<Paper>) -> Result<Self, SampleError> {
        let mut database = SqliteConnection::connect("sqlite::memory:").await?;
        sqlx::query(
            "CREATE VIRTUAL TABLE paper USING fts5(\
             id UNINDEXED, title, authors, year UNINDEXED, venue, arxiv UNINDEXED, doi UNINDEXED, summary, \
             tokenize = 'porter unicode61')",
        )
        .execute(&mut database)
        .await?;
        let mut writing = database.begin().await?;
        for paper in records()?.into_iter().chain(extra) {
            sqlx::query(
                "INSERT INTO paper (id, title, authors, year, venue, arxiv, doi, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(paper.id)
            .bind(paper.title)
            .bind(paper.authors.join("\n"))
            .bind(i64::from(paper.year))
            .bind(paper.venue)
            .bind(paper.arxiv)
            .bind(paper.doi)
            .bind(paper.summary)
            .execute(&mut *writing)
            .await?;
        }
        writing.commit().await?;
        Ok(Self {
            database: Mutex::new(database),
        })
    }

    /// The best matches for any of the query's words, best first; ties in order of id.
    pub(crate) async fn search(&self, query: &str, limit: u32) -> Result<Vec<Paper>, SampleError> {
        let Some(expression) = match_expression(query) else {
            return Ok(Vec::new());
        };
        let mut database = self.database.lock().await;
        let rows =
            sqlx::query("SELECT * FROM paper WHERE paper MATCH ? ORDER BY bm25(paper), id LIMIT ?")
                .bind(expression)
                .bind(i64::from(limit))
                .fetch_all(&mut *database)
                .await?;
        rows.iter().map(from_row).collect()
    }

    /// One record by its id.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Paper>, SampleError> {
        let mut database = self.database.lock().await;
        let row = sqlx::query("SELECT * FROM paper WHERE id = ?")
            .bind(id)
            .fetch_optional(&mut *database)
            .await?;
        row.as_ref().map(from_row).transpose()
    }

    /// The newest records, newest first.
    pub(crate) async fn newest(&self, limit: u32) -> Result<Vec<Paper>, SampleError> {
        let mut database = self.database.lock().await;
        let rows = sqlx::query("SELECT * FROM paper ORDER BY year DESC, id DESC LIMIT ?")
            .bind(i64::from(limit))
            .fetch_all(&mut *database)
            .await?;
        rows.iter().map(from_row).collect()
    }
}

/// The embedded records.
pub(crate) fn records() -> Result<Vec<Paper>, SampleError> {
    SAMPLE
        .lines()
        .map(|line| Ok(serde_json::from_str(line)?))
        .collect()
}

/// The query's words, each quoted, so that nothing in them is an operator of the full-text language.
fn match_expression(query: &str) -> Option<String> {
    let words: Vec<String> = query
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(32)
        .map(|word| format!("\"{word}\""))
        .collect();
    (!words.is_empty()).then(|| words.join(" OR "))
}

fn from_row(row: &SqliteRow) -> Result<Paper, SampleError> {
    let authors: String = row.try_get("authors")?;
    let year: i64 = row.try_get("year")?;
    Ok(Paper {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        authors: authors.split('\n').map(str::to_owned).collect(),
        year: u16::try_from(year).unwrap_or_default(),
        venue: row.try_get("venue")?,
        arxiv: row.try_get("arxiv")?,
        doi: row.try_get("doi")?,
        summary: row.try_get("summary")?,
    })
}
