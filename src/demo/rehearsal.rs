//! A whole engagement played by invented people, each through the doors that real ones use: for the demonstration, the
//! benches and the stories.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use time::{Date, Duration, OffsetDateTime};
use totp_rs::{Algorithm, Builder};

use crate::clock::Clock;
use crate::governance::account::{Clause, File, Job};
use crate::governance::engagement::{Agreed, Class, Operation, Presence};
use crate::governance::{Kind, Paper, Paperwork, Role, Secret, Terms};
use crate::id::{EngagementId, SiteName, hex, random};
use crate::node::act::{Act, Order, Outcome};
use crate::node::{Shared, control};

/// Where orders are given: a node in this process, or its control socket.
pub trait Stage: Sync {
    fn order(&self, order: Order) -> impl Future<Output = Result<Outcome>> + Send;
    fn clock(&self) -> &Clock;
}

impl Stage for Shared {
    async fn order(&self, order: Order) -> Result<Outcome> {
        Ok(self.perform(order).await)
    }

    fn clock(&self) -> &Clock {
        self.clock()
    }
}

/// The control socket of a node elsewhere on this machine.
pub struct ByControl {
    pub data: PathBuf,
    pub clock: Clock,
}

impl Stage for ByControl {
    async fn order(&self, order: Order) -> Result<Outcome> {
        control::order(&self.data, &order, &self.clock).await?.context("no node runs there")
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Somebody who has an account, with what that person carries.
pub struct Person {
    pub login: String,
    password: Mutex<String>,
    /// Of the authenticator, in base 32.
    pub secret: String,
    token: Mutex<Option<Secret>>,
    device: Mutex<Option<Secret>>,
    /// The last of the authenticator's steps that was used.
    step: Mutex<u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What refuses or fails, as an error.
pub fn went_well(outcome: Outcome) -> Result<Outcome> {
    match outcome {
        Outcome::Failed { message } | Outcome::NotDone { message } => bail!("{message}"),
        Outcome::Refused { code, message } => bail!("{code}: {message}"),
        outcome => Ok(outcome),
    }
}

impl Person {
    /// Opens an account by its code; the person is not logged in yet.
    pub async fn enrol(stage: &impl Stage, login: &str, name: Option<&str>, code: &str, password: &str) -> Result<Self> {
        let act =
            Act::Enrol { login: login.to_owned(), name: name.map(str::to_owned), code: code.into(), password: password.into() };
        match went_well(stage.order(Order { token: None, act }).await?)? {
            Outcome::Enrolled { login, secret, .. } => Ok(Self {
                login,
                password: Mutex::new(password.to_owned()),
                secret,
                token: Mutex::default(),
                device: Mutex::default(),
                step: Mutex::default(),
            }),
            other => bail!("{other:?} is no enrolment"),
        }
    }

    /// Six digits that were not used yet: those of now, or the next ones.
    pub fn digits(&self, clock: &Clock) -> Result<String> {
        let now = u64::try_from(clock.wall().unix_timestamp())? / 30;
        let mut step = locked(&self.step);
        *step = now.max(*step + 1);
        let secret = totp_rs::Secret::try_from_base32(&self.secret).ok().context("the secret is base 32")?;
        let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30);
        let totp = totp.with_secret(secret).build().map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(totp.generate(*step * 30).to_string())
    }

    /// What the person types from now on.
    pub fn remember(&self, password: &str) {
        password.clone_into(&mut locked(&self.password));
    }

    /// An order by the last login.
    pub fn orders(&self, act: Act) -> Order {
        Order { token: locked(&self.token).clone(), act }
    }

    pub async fn change_password(&self, stage: &impl Stage, new: &str) -> Result<Outcome> {
        let (login, old, device) = (self.login.clone(), locked(&self.password).as_str().into(), locked(&self.device).clone());
        let code = Some(self.digits(stage.clock())?.into());
        let act = Act::ChangePassword { login, old, code, device, new: new.into() };
        let outcome = stage.order(Order { token: None, act }).await?;
        if matches!(outcome, Outcome::Done { .. }) {
            self.remember(new);
        }
        Ok(outcome)
    }

    pub async fn log_in(&self, stage: &impl Stage) -> Result<Outcome> {
        let (login, password, device) =
            (self.login.clone(), locked(&self.password).as_str().into(), locked(&self.device).clone());
        let code = Some(self.digits(stage.clock())?.into());
        let outcome = stage.order(Order { token: None, act: Act::Login { login, password, code, device } }).await?;
        if let Outcome::Welcome { token, device, .. } = &outcome {
            *locked(&self.token) = Some(token.clone());
            *locked(&self.device) = Some(device.clone());
        }
        Ok(outcome)
    }

    /// Orders something by the last login; if it is over, by a new one.
    pub async fn order(&self, stage: &impl Stage, act: Act) -> Result<Outcome> {
        let again = serde_json::to_value(&act)?;
        match stage.order(self.orders(act)).await? {
            Outcome::Refused { code, .. } if code == "session_over" => {
                went_well(self.log_in(stage).await?)?;
                stage.order(self.orders(serde_json::from_value(again)?)).await
            }
            outcome => Ok(outcome),
        }
    }
}

/// The people of the plan, and the papers that they work by.
pub struct Company {
    pub rssi: Person,
    pub admin: Person,
    pub auditor: Person,
    pub contacts: HashMap<SiteName, Person>,
    procedure: Paper,
}

/// What the company's auditor is called.
pub struct Auditor<'a> {
    pub login: &'a str,
    pub name: &'a str,
    pub password: &'a str,
}

impl Company {
    /// The first two people come in by their codes (rssi's, then admin's); they let an auditor and each site's contact in,
    /// publish the papers and approve the sites.
    pub async fn found(stage: &impl Stage, codes: [&str; 2], auditor: Auditor<'_>, sites: &[SiteName]) -> Result<Self> {
        let [rssi, admin] = codes;
        let rssi = Person::enrol(stage, "rssi", Some("Rachida Sécurité"), rssi, &password()).await?;
        let admin = Person::enrol(stage, "admin", Some("Adrien Gestion"), admin, &password()).await?;
        went_well(rssi.log_in(stage).await?)?;
        went_well(admin.log_in(stage).await?)?;
        let paper = |text: &str| Paper { version: "1".to_owned(), sha256: digest(text) };
        let (charter, procedure) = (paper("charter"), paper("procedure"));
        for (paperwork, paper) in [(Paperwork::Charter, &charter), (Paperwork::Procedure, &procedure)] {
            let (version, sha256) = (paper.version.clone(), paper.sha256.clone());
            together(stage, &admin, &rssi, Act::AskPaper { paperwork, version, sha256 }).await?;
        }
        let file = file(stage.clock().wall().date());
        let join = (auditor.login, auditor.name, vec![Role::Auditor], None, file);
        let auditor = hire(stage, &admin, &rssi, join, auditor.password).await?;
        went_well(auditor.order(stage, Act::Acknowledge { sha256: charter.sha256 }).await?)?;
        let mut contacts = HashMap::new();
        for site in sites {
            together(stage, &admin, &rssi, Act::AskSite { site: site.clone() }).await?;
            let login = format!("contact.{site}");
            let join = (login.as_str(), "Dominique Contact", vec![Role::Contact], Some(site.clone()), File::default());
            contacts.insert(site.clone(), hire(stage, &admin, &rssi, join, &password()).await?);
        }
        Ok(Self { rssi, admin, auditor, contacts, procedure })
    }

    fn contact(&self, site: &SiteName) -> Result<&Person> {
        self.contacts.get(site).with_context(|| format!("nobody is the contact of {site}"))
    }

    /// The terms of an engagement on a site that lasts from now on.
    pub fn terms(&self, site: &SiteName, kind: Kind, now: OffsetDateTime, lasts: Duration) -> Terms {
        let audit = kind == Kind::Production;
        let agreed = Agreed { place: "Chez l'éditeur".to_owned(), by: "Dominique Contact".to_owned(), date: now.date() };
        Terms {
            operation: if audit { Operation::Audit } else { Operation::Visit },
            site: site.clone(),
            presence: Presence::Remote,
            purpose: "Vérifier le dossier patient".to_owned(),
            opens: now,
            closes: now + lasts,
            tolerance: 15,
            class: if audit { Class::C3 } else { Class::C1 },
            procedure: self.procedure.clone(),
            professional: audit.then(|| "Dr Camille Praticien".to_owned()),
            agreed: (!audit).then_some(agreed),
            blackout: false,
            capture: None,
        }
    }

    /// Planned by the administrator, accepted by the site's contact, its operator declared: it can be shown.
    pub async fn engage(&self, stage: &impl Stage, terms: Terms) -> Result<EngagementId> {
        let (site, audit) = (terms.site.clone(), terms.operation == Operation::Audit);
        let contact = self.contact(&site)?;
        let Outcome::Planned { engagement } = went_well(self.admin.order(stage, Act::Plan { terms }).await?)? else {
            bail!("nothing was planned")
        };
        let (login, id) = (self.auditor.login.clone(), engagement.clone());
        went_well(self.admin.order(stage, Act::Assign { engagement: id.clone(), login }).await?)?;
        let letter = match audit {
            true => Some(self.letter(stage, &id).await?.into()),
            false => None,
        };
        let code = contact.digits(stage.clock())?.into();
        went_well(contact.order(stage, Act::Accept { engagement: id.clone(), letter, declares: !audit, code }).await?)?;
        let name = "Dominique Contact".to_owned();
        went_well(contact.order(stage, Act::DeclareOperator { engagement: id, name }).await?)?;
        Ok(engagement)
    }

    /// Has the letter written, and reads its code as its addressee would.
    pub async fn letter(&self, stage: &impl Stage, engagement: &EngagementId) -> Result<String> {
        let act = Act::Notice { engagement: engagement.clone(), reference: "ANS-2026-001".to_owned() };
        let Outcome::Posted { letter } = went_well(self.admin.order(stage, act).await?)? else { bail!("no letter") };
        code_in(Path::new(&letter))
    }

    pub async fn show(&self, stage: &impl Stage, site: &SiteName, engagement: &EngagementId) -> Result<Outcome> {
        self.contact(site)?.order(stage, Act::Show { engagement: engagement.clone(), wait: false }).await
    }

    /// A ticket for the auditor, who has read the reminder.
    pub async fn ticket(&self, stage: &impl Stage, engagement: &EngagementId, short: bool) -> Result<Outcome> {
        let engagement = engagement.clone();
        self.auditor.order(stage, Act::IssueTicket { engagement, acknowledged: true, short, certificate: None }).await
    }
}

/// A node elsewhere on this machine with its people, and an engagement of two days on each of its demo sites.
pub struct Rehearsal {
    pub stage: ByControl,
    pub company: Company,
    engagements: HashMap<SiteName, EngagementId>,
}

impl Rehearsal {
    /// Waits until the node takes orders.
    pub async fn begin(stage: ByControl, codes: [&str; 2], auditor: Auditor<'_>, sites: &[SiteName]) -> Result<Self> {
        let deadline = stage.clock.now() + std::time::Duration::from_secs(20);
        while stage.order(Order { token: None, act: Act::WhoAmI }).await.is_err() {
            if stage.clock.now() > deadline {
                bail!("no node came up on {}", stage.data.display());
            }
            stage.clock.sleep(std::time::Duration::from_millis(50)).await;
        }
        let company = Company::found(&stage, codes, auditor, sites).await?;
        let mut engagements = HashMap::new();
        for site in sites {
            let terms = company.terms(site, Kind::Demo, stage.clock.wall(), Duration::days(2));
            engagements.insert(site.clone(), company.engage(&stage, terms).await?);
        }
        Ok(Self { stage, company, engagements })
    }

    pub fn engagement(&self, site: &SiteName) -> Result<&EngagementId> {
        self.engagements.get(site).with_context(|| format!("nothing is planned on {site}"))
    }

    pub async fn show(&self, site: &SiteName) -> Result<Outcome> {
        self.company.show(&self.stage, site, self.engagement(site)?).await
    }

    /// The long form of a ticket for the auditor.
    pub async fn ticket(&self, site: &SiteName) -> Result<String> {
        match went_well(self.company.ticket(&self.stage, self.engagement(site)?, false).await?)? {
            Outcome::Ticket { secret, .. } => Ok(secret),
            other => bail!("{other:?} is no ticket"),
        }
    }
}

/// The last line of a letter is its code.
pub fn code_in(letter: &Path) -> Result<String> {
    let text = std::fs::read_to_string(letter)?;
    Ok(text.trim_end().lines().last().unwrap_or_default().trim().to_owned())
}

/// One asks, the other approves.
pub async fn together(stage: &impl Stage, asker: &Person, approver: &Person, act: Act) -> Result<[Option<String>; 2]> {
    let Outcome::Asked { request, half } = went_well(asker.order(stage, act).await?)? else { bail!("nothing was asked") };
    let approved = approver.order(stage, Act::Approve { request }).await?;
    let Outcome::Approved { half: other, .. } = went_well(approved)? else { bail!("nothing was approved") };
    Ok([half, other])
}

/// Login, name, roles, site and file of somebody who joins.
pub type Join<'a> = (&'a str, &'a str, Vec<Role>, Option<SiteName>, File);

/// One asks for an account, another approves it, each gives the person half of the code; the person opens it and logs in.
pub async fn hire(stage: &impl Stage, asker: &Person, approver: &Person, join: Join<'_>, password: &str) -> Result<Person> {
    let (login, name, roles, site, file) = join;
    let act = Act::AskJoin { login: login.to_owned(), name: name.to_owned(), roles, site, file, ends: None };
    let [one, other] = together(stage, asker, approver, act).await?;
    let code = format!("{}-{}", one.unwrap_or_default(), other.unwrap_or_default());
    let person = Person::enrol(stage, login, None, &code, password).await?;
    went_well(person.log_in(stage).await?)?;
    Ok(person)
}

/// All that an auditor's file must hold.
pub fn file(today: Date) -> File {
    File {
        job: Some(Job { reference: "FP-AUD-01".to_owned(), date: today }),
        clause: Some(Clause { signed: today, sha256: digest("clause") }),
        awareness: Some(today),
        mail: None,
    }
}

fn digest(text: &str) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(text))
}

fn password() -> String {
    format!("Aa1-{}", hex(&random::<8>()))
}
