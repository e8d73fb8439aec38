//! What waits for a second person, and the papers that two people have published.

use sqlx::Row;

use super::{Reads, StoreError, Work, document, text_of};
use crate::governance::request::Request;
use crate::governance::{Paper, Paperwork};
use crate::id::RequestId;

/// Reading requests and papers.
pub trait FourEyes: Reads {
    /// Requests that wait, oldest first.
    fn requests(&self) -> impl Future<Output = Result<Vec<Request>, StoreError>> + Send {
        async move {
            let rows = self.rows(sqlx::query("SELECT document FROM requests WHERE settled = 0 ORDER BY place")).await?;
            rows.iter().map(|row| document(row, 0, "request")).collect()
        }
    }

    /// The paper in force.
    fn paper(&self, paperwork: Paperwork) -> impl Future<Output = Result<Option<Paper>, StoreError>> + Send {
        async move {
            let row = sqlx::query("SELECT document FROM papers WHERE paperwork = $1 ORDER BY place DESC LIMIT 1");
            self.rows(row.bind(paperwork.name())).await?.first().map(|row| document(row, 0, "paper")).transpose()
        }
    }
}

impl<R: Reads> FourEyes for R {}

impl Work<'_> {
    /// `half`: of an enrolment code, by its hash, if the change will need one.
    pub async fn add_request(&self, request: &Request, half: Option<&[u8]>) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO requests (id, half, settled, document) VALUES ($1, $2, 0, $3)");
        self.run(row.bind(request.id.as_str()).bind(half).bind(text_of(request, "request")?)).await.map(|_| ())
    }

    /// Takes a request that waits, with the requester's half of its code: whoever comes second finds none.
    pub async fn settle(&self, request: &RequestId) -> Result<Option<(Request, Option<Vec<u8>>)>, StoreError> {
        let row = sqlx::query("UPDATE requests SET settled = 1 WHERE id = $1 AND settled = 0 RETURNING document, half");
        let row = self.row(row.bind(request.as_str())).await?;
        row.map(|row| Ok((document(&row, 0, "request")?, row.get(1)))).transpose()
    }

    pub async fn publish(&self, paperwork: Paperwork, paper: &Paper) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO papers (paperwork, document) VALUES ($1, $2)");
        self.run(row.bind(paperwork.name()).bind(text_of(paper, "paper")?)).await.map(|_| ())
    }
}
