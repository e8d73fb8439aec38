//! Sites: how they stand, for which sizes their masks are right; and the addresses from which people came.

use std::net::IpAddr;

use sqlx::Row;
use time::OffsetDateTime;

use super::{Store, StoreError, Work};
use crate::geometry::Size;
use crate::governance::Standing;
use crate::id::SiteName;

fn standing(text: String) -> Result<Standing, StoreError> {
    Standing::ALL.into_iter().find(|s| s.name() == text).ok_or(StoreError::Row("site standing"))
}

impl Store {
    /// `None`: the site was never shown.
    pub async fn standing(&self, site: &SiteName) -> Result<Option<Standing>, StoreError> {
        let row = self.row(sqlx::query("SELECT standing FROM sites WHERE name = $1").bind(site.as_str())).await?;
        row.map(|row| standing(row.get(0))).transpose()
    }

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
    pub async fn set_standing(&mut self, site: &SiteName, standing: Standing) -> Result<(), StoreError> {
        let row = sqlx::query(
            "INSERT INTO sites (name, standing) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET standing = excluded.standing",
        );
        self.run(row.bind(site.as_str()).bind(standing.name())).await.map(|_| ())
    }

    /// A restart: what was showing is paused. Gives the sites concerned.
    pub async fn pause_all(&mut self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("UPDATE sites SET standing = 'paused' WHERE standing = 'showing' RETURNING name");
        Ok(self.rows(rows).await?.iter().map(|row| row.get(0)).collect())
    }

    pub async fn confirm_size(&mut self, site: &SiteName, size: Size) -> Result<(), StoreError> {
        let row = sqlx::query("INSERT INTO mask_confirmations (site, width, height) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        self.run(row.bind(site.as_str()).bind(i64::from(size.width)).bind(i64::from(size.height))).await.map(|_| ())
    }
}
