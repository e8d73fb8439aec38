//! Sites: how they stand, for which sizes their masks are right; and the addresses from which people came.

use std::net::IpAddr;

use sqlx::Row;
use time::OffsetDateTime;

use super::{Reads, Store, StoreError, Work};
use crate::geometry::Size;
use crate::governance::Standing;
use crate::id::{EngagementId, SiteName};

fn standing(text: String) -> Result<Standing, StoreError> {
    Standing::ALL.into_iter().find(|s| s.name() == text).ok_or(StoreError::Row("site standing"))
}

/// How a site stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRow {
    pub standing: Standing,
    /// For which engagement it was shown last.
    pub engagement: Option<EngagementId>,
    /// The SHA-256 of the settings that two people approved.
    pub approved: Option<String>,
}

impl Default for SiteRow {
    /// Of a site that nobody has shown or approved.
    fn default() -> Self {
        Self { standing: Standing::Stopped, engagement: None, approved: None }
    }
}

/// Reading how sites stand.
pub trait Sites: Reads {
    fn site(&self, site: &SiteName) -> impl Future<Output = Result<SiteRow, StoreError>> + Send {
        async move {
            let row = sqlx::query("SELECT standing, engagement, approved FROM sites WHERE name = $1").bind(site.as_str());
            let rows = self.rows(row).await?;
            let Some(row) = rows.first() else { return Ok(SiteRow::default()) };
            let engagement = row.get::<Option<String>, _>(1).map(EngagementId::stored);
            Ok(SiteRow { standing: standing(row.get(0))?, engagement, approved: row.get(2) })
        }
    }
}

impl<R: Reads> Sites for R {}

impl Store {
    pub async fn confirmed_sizes(&self, site: &SiteName) -> Result<Vec<Size>, StoreError> {
        let rows = sqlx::query("SELECT width, height FROM mask_confirmations WHERE site = $1 ORDER BY width, height");
        let rows = self.rows(rows.bind(site.as_str())).await?;
        let side = |n: i64| u16::try_from(n).map_err(|_| StoreError::Row("size"));
        rows.iter().map(|row| Ok(Size::new(side(row.get(0))?, side(row.get(1))?))).collect()
    }

    /// Somebody was let in from this address; those not seen since `since` are forgotten.
    pub async fn remember_address(&self, address: IpAddr, now: OffsetDateTime, since: OffsetDateTime) -> Result<(), StoreError> {
        self.forget_addresses(since).await?;
        let row = sqlx::query(
            "INSERT INTO known_addresses (address, seen) VALUES ($1, $2) ON CONFLICT (address) DO UPDATE SET seen = excluded.seen",
        );
        self.run(row.bind(address.to_string()).bind(now.unix_timestamp())).await.map(|_| ())
    }

    async fn forget_addresses(&self, since: OffsetDateTime) -> Result<(), StoreError> {
        let old = sqlx::query("DELETE FROM known_addresses WHERE seen < $1").bind(since.unix_timestamp());
        self.run(old).await.map(|_| ())
    }

    /// The addresses seen since then; older ones are forgotten.
    pub async fn known_addresses(&self, since: OffsetDateTime) -> Result<Vec<(IpAddr, OffsetDateTime)>, StoreError> {
        self.forget_addresses(since).await?;
        let rows = self.rows(sqlx::query("SELECT address, seen FROM known_addresses")).await?;
        let address = |text: String| text.parse().map_err(|_| StoreError::Row("address"));
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| StoreError::Row("time"));
        rows.iter().map(|row| Ok((address(row.get(0))?, time(row.get(1))?))).collect()
    }
}

impl Work<'_> {
    pub async fn set_standing(&self, site: &SiteName, standing: Standing) -> Result<(), StoreError> {
        self.begin_site(site).await?;
        let row = sqlx::query("UPDATE sites SET standing = $1 WHERE name = $2");
        self.run(row.bind(standing.name()).bind(site.as_str())).await.map(|_| ())
    }

    /// The engagement that a site is shown for from now on.
    pub async fn show_for(&self, site: &SiteName, engagement: &EngagementId) -> Result<(), StoreError> {
        self.begin_site(site).await?;
        let row = sqlx::query("UPDATE sites SET engagement = $1 WHERE name = $2");
        self.run(row.bind(engagement.as_str()).bind(site.as_str())).await.map(|_| ())
    }

    pub async fn approve_site(&self, site: &SiteName, settings: &str) -> Result<(), StoreError> {
        self.begin_site(site).await?;
        let row = sqlx::query("UPDATE sites SET approved = $1 WHERE name = $2");
        self.run(row.bind(settings).bind(site.as_str())).await.map(|_| ())
    }

    async fn begin_site(&self, site: &SiteName) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO sites (name, standing) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
        self.run(row.bind(site.as_str()).bind(Standing::Stopped.name())).await.map(|_| ())
    }

    /// A restart: what was showing is paused. Gives the sites concerned.
    pub async fn pause_all(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("UPDATE sites SET standing = 'paused' WHERE standing = 'showing' RETURNING name");
        Ok(self.rows(rows).await?.iter().map(|row| row.get(0)).collect())
    }

    pub async fn confirm_size(&self, site: &SiteName, size: Size) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO mask_confirmations (site, width, height) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        self.run(row.bind(site.as_str()).bind(i64::from(size.width)).bind(i64::from(size.height))).await.map(|_| ())
    }
}
