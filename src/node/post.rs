//! Letters to be posted: in a folder that the node's user alone can read. Their codes are in no answer and no row.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::desk::Letter;
use crate::id::EngagementId;

pub(super) struct Post(PathBuf);

impl Post {
    pub fn of(data: &Path) -> Self {
        Self(data.join("post"))
    }

    /// Writes a letter; gives where it lies.
    pub fn write(&self, engagement: &EngagementId, letter: &Letter, now: OffsetDateTime) -> Result<PathBuf> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).context("the folder of letters cannot be made")?;
        let stamp = now.format(format_description!("[year][month][day]-[hour][minute][second]"))?;
        let path = self.0.join(format!("{engagement}-{stamp}.txt"));
        let text = text(engagement, letter)?;
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("the letter cannot be written")?;
        Ok(path)
    }
}

fn text(engagement: &EngagementId, letter: &Letter) -> Result<String> {
    let (terms, minute) = (&letter.terms, format_description!("[day]/[month]/[year] à [hour]:[minute] UTC"));
    let (opens, closes) = (terms.opens.format(minute)?, terms.closes.format(minute)?);
    Ok(format!(
        "Référence : {}\nÀ l'attention de : {}\n\n\
         Nous vous informons de l'audit suivant, mené par affichage déporté seul : personne d'autre que vous ne manipulera\n\
         votre système, et aucune copie d'écran ne sera faite.\n\n\
         Objet : {}\n\
         Du {opens} au {closes} (tolérance : {} minutes)\n\
         Classe de sensibilité : {}\n\
         Procédure : version {}, SHA-256 {}\n\
         Opération : {engagement}\n\
         Empreinte de ces conditions : {}\n\n\
         Votre acceptation emporte celle de la procédure. Elle se donne avec votre compte, votre second facteur et ce code,\n\
         et se retire à tout moment :\n\n    {}\n",
        letter.reference,
        terms.professional.as_deref().unwrap_or_default(),
        terms.purpose,
        terms.tolerance,
        terms.class.name(),
        terms.procedure.version,
        terms.procedure.sha256,
        terms.digest(),
        *letter.code,
    ))
}
