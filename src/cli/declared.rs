//! People, workstations and papers as a file declares them, and what it takes to get from what there is to that. Sites,
//! networks and policies are the node's own settings, which stand in it as one text.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use super::settings::digest as digest_of;
use crate::governance::account::{Clause, File, Job};
use crate::governance::policy::{digest, short_text};
use crate::governance::request::{Change, Request};
use crate::governance::{Account, Login, MailAddress, Paper, Paperwork, Refusal, Role, Workstation};
use crate::id::SiteName;
use crate::node::act::Act;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
    /// The node's settings, whole.
    #[serde(skip_serializing)]
    pub settings: Option<String>,
    #[serde(default)]
    papers: Papers,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    account: Vec<Person>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    workstation: Vec<Machine>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Papers {
    charter: Option<Paper>,
    procedure: Option<Paper>,
    runbook: Option<Paper>,
}

impl Papers {
    fn of(&self, paperwork: Paperwork) -> Option<&Paper> {
        match paperwork {
            Paperwork::Charter => self.charter.as_ref(),
            Paperwork::Procedure => self.procedure.as_ref(),
            Paperwork::Runbook => self.runbook.as_ref(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    login: String,
    name: String,
    roles: BTreeSet<Role>,
    site: Option<SiteName>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    ends: Option<OffsetDateTime>,
    /// What is not said stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    job: Option<String>,
    job_date: Option<Date>,
    /// SHA-256 of the signed clause.
    clause: Option<String>,
    clause_signed: Option<Date>,
    awareness: Option<Date>,
    mail: Option<MailAddress>,
}

impl Person {
    fn tidy(&mut self) -> Result<(), Wrong> {
        Login::try_from(self.login.clone())?;
        if self.job.is_some() != self.job_date.is_some() || self.clause.is_some() != self.clause_signed.is_some() {
            return Err("a job has its job_date, a clause its clause_signed".to_owned());
        }
        let words = |refusal: Refusal| refusal.words().to_owned();
        self.name = self.name.trim().to_owned();
        self.job = self.job.take().map(|job| short_text(&job)).transpose().map_err(words)?;
        self.clause = self.clause.take().map(|clause| digest(&clause)).transpose().map_err(words)?;
        Ok(())
    }

    fn of(account: &Account) -> Self {
        let File { job, clause, awareness, mail } = account.file.clone();
        Self {
            login: account.login.as_str().to_owned(),
            name: account.name.clone(),
            roles: account.roles.iter().collect(),
            site: account.roles.site().cloned(),
            ends: account.ends,
            disabled: (!account.enabled).then_some(true),
            job_date: job.as_ref().map(|job| job.date),
            job: job.map(|job| job.reference),
            clause_signed: clause.as_ref().map(|clause| clause.signed),
            clause: clause.map(|clause| clause.sha256),
            awareness,
            mail,
        }
    }

    fn file(&self) -> File {
        let job = self.job.clone().zip(self.job_date).map(|(reference, date)| Job { reference, date });
        let clause = self.clause.clone().zip(self.clause_signed).map(|(sha256, signed)| Clause { signed, sha256 });
        File { job, clause, awareness: self.awareness, mail: self.mail.clone() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Machine {
    /// SHA-256 of its certificate, in hexadecimal.
    certificate: String,
    label: String,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    ends: Option<OffsetDateTime>,
    system: Option<Date>,
    antivirus: Option<Date>,
}

/// What a node holds of all this.
#[derive(Default)]
pub(super) struct Held {
    /// The login of whoever orders.
    pub oneself: String,
    pub accounts: Vec<Account>,
    pub workstations: Vec<Workstation>,
    pub papers: Vec<(Paperwork, Paper)>,
    pub requests: Vec<Request>,
    /// Sites whose settings nobody has approved as they are now.
    pub unapproved: Vec<SiteName>,
    /// SHA-256 of the settings that the node runs by.
    pub settings: String,
}

/// One thing that differs.
pub(super) enum Step {
    /// What mends it; for people to read, in a few words.
    Order { what: String, act: Box<Act> },
    /// It waits for a second person already.
    Waits { what: String, request: String },
    /// No act of ours mends it.
    Note(String),
}

/// What makes a file impossible, whatever there is.
type Wrong = String;

impl Declared {
    /// As the node would write it down: digests in lower case, texts without blanks around them. Half a fact is a mistake.
    pub fn read(text: &str) -> Result<Self, Wrong> {
        let mut read: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for paper in [&mut read.papers.charter, &mut read.papers.procedure, &mut read.papers.runbook].into_iter().flatten() {
            *paper = Paper::new(&paper.version, &paper.sha256).map_err(|refusal| format!("papers: {}", refusal.words()))?;
        }
        let mut logins = BTreeSet::new();
        for person in &mut read.account {
            person.tidy().map_err(|wrong| format!("{}: {wrong}", person.login))?;
            if !logins.insert(person.login.to_ascii_lowercase()) {
                return Err(format!("{} stands there twice", person.login));
            }
        }
        let mut certificates = BTreeSet::new();
        for machine in &mut read.workstation {
            machine.certificate = machine.certificate.replace(':', "").trim().to_ascii_lowercase();
            let digits = machine.certificate.len() == 64 && machine.certificate.bytes().all(|b| b.is_ascii_hexdigit());
            if !digits {
                return Err(format!("{}: the certificate is named by its SHA-256, 64 hexadecimal digits", machine.label));
            }
            machine.label = short_text(&machine.label).map_err(|refusal| refusal.words().to_owned())?;
            if !certificates.insert(machine.certificate.clone()) {
                return Err(format!("{} stands there twice", machine.certificate));
            }
        }
        Ok(read)
    }

    pub fn of(held: &Held) -> Self {
        let mut papers = Papers::default();
        for (paperwork, paper) in &held.papers {
            let paper = Some(paper.clone());
            match paperwork {
                Paperwork::Charter => papers.charter = paper,
                Paperwork::Procedure => papers.procedure = paper,
                Paperwork::Runbook => papers.runbook = paper,
            }
        }
        let machine = |workstation: &Workstation| Machine {
            certificate: workstation.fingerprint.clone(),
            label: workstation.label.clone(),
            ends: workstation.ends,
            system: workstation.posture.system,
            antivirus: workstation.posture.antivirus,
        };
        let known = held.workstations.iter().filter(|workstation| !workstation.retired);
        Self {
            settings: None,
            papers,
            account: held.accounts.iter().map(Person::of).collect(),
            workstation: known.map(machine).collect(),
        }
    }

    /// What there is to do. What the file does not name stays as it is, unless it is to be pruned.
    pub fn differs_from(&self, held: &Held, prune: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        for paperwork in Paperwork::ALL {
            let in_force = held.papers.iter().find(|(other, _)| *other == paperwork).map(|(_, paper)| paper);
            if let Some(paper) = self.papers.of(paperwork).filter(|paper| Some(*paper) != in_force) {
                let (version, sha256) = (paper.version.clone(), paper.sha256.clone());
                let what = format!("{} {version} comes into force", paperwork.name());
                let act = Act::AskPaper { paperwork, version, sha256 };
                let asked = |change: &Change| match change {
                    Change::Publish { paperwork: other, paper: asked } if *other == paperwork => Some(asked == paper),
                    _ => None,
                };
                steps.push(ask(held, what, act, asked));
            }
        }
        for person in &self.account {
            match held.accounts.iter().find(|account| account.login.as_str() == person.login) {
                Some(account) => steps.extend(person.differs_from(account, held)),
                None if person.disabled == Some(true) => {
                    steps.push(Step::Note(format!("{} is not here, and disabled in the file", person.login)));
                }
                None => steps.push(person.joins(held)),
            }
        }
        for machine in &self.workstation {
            let known = held.workstations.iter().find(|known| known.fingerprint == machine.certificate);
            steps.extend(machine.differs_from(known, held));
        }
        if self.settings.as_ref().is_some_and(|settings| digest_of(settings) == held.settings) {
            steps.extend(held.unapproved.iter().map(|site| approve(site, held)));
        }
        steps.extend(self.left_out(held, prune));
        steps
    }

    /// What is here and not in the file. A file that names no account, or no workstation, is not about them; and nobody
    /// takes oneself away.
    fn left_out(&self, held: &Held, prune: bool) -> Vec<Step> {
        let named = |account: &&Account| self.account.iter().any(|person| person.login == account.login.as_str());
        let accounts = held
            .accounts
            .iter()
            .filter(|account| !self.account.is_empty() && account.enabled && !named(account))
            .filter(|account| account.login.as_str() != held.oneself)
            .map(|account| {
                let login = account.login.as_str().to_owned();
                (format!("{login} is disabled: not in the file"), Act::DisableAccount { login })
            });
        let named = |known: &&Workstation| self.workstation.iter().any(|machine| machine.certificate == known.fingerprint);
        let workstations =
            held.workstations.iter().filter(|known| !self.workstation.is_empty() && !known.retired && !named(known)).map(
                |known| {
                    let act = Act::RetireWorkstation { workstation: known.id.clone() };
                    (format!("{} ({}) is retired: not in the file", known.id, known.label), act)
                },
            );
        let step = |(what, act): (String, Act)| {
            if prune { Step::Order { what, act: Box::new(act) } } else { Step::Note(format!("with --prune: {what}")) }
        };
        accounts.chain(workstations).map(step).collect()
    }
}

impl Person {
    fn joins(&self, held: &Held) -> Step {
        let roles: Vec<Role> = self.roles.iter().copied().collect();
        let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let what = format!("{} joins as {}", self.login, names.join(", "));
        let (login, name, site) = (self.login.clone(), self.name.clone(), self.site.clone());
        let act = Act::AskJoin { login, name, roles, site, file: self.file(), ends: self.ends };
        ask(held, what, act, |change| match change {
            Change::Join { login, name, roles, file, ends } if login.as_str() == self.login => {
                let same = roles.iter().collect::<BTreeSet<_>>() == self.roles && roles.site() == self.site.as_ref();
                Some(same && *name == self.name && *file == self.file() && *ends == self.ends)
            }
            _ => None,
        })
    }

    fn differs_from(&self, account: &Account, held: &Held) -> Vec<Step> {
        let (mut steps, login) = (Vec::new(), || self.login.clone());
        let about = |change: &Change, name: &str| change.name() == name && change.subject() == Some(&account.id);
        let same_end = |change: &Change| matches!(change, Change::Prolong { ends, .. } if *ends == self.ends);
        let same_roles = |change: &Change| match change {
            Change::Move { roles, .. } => {
                roles.iter().collect::<BTreeSet<_>>() == self.roles && roles.site() == self.site.as_ref()
            }
            _ => false,
        };
        if self.name != account.name {
            steps.push(Step::Note(format!("{} is called {:?} here: a name does not change", self.login, account.name)));
        }
        match (self.disabled, account.enabled) {
            (Some(true), true) => {
                let what = format!("{} is disabled", self.login);
                steps.push(Step::Order { what, act: Box::new(Act::DisableAccount { login: login() }) });
            }
            (Some(false), false) => {
                let act = Act::AskEnable { login: login() };
                steps
                    .push(ask(held, format!("{} is enabled", self.login), act, |change| about(change, "enable").then_some(true)));
            }
            _ => {}
        }
        if self.roles != account.roles.iter().collect() || self.site.as_ref() != account.roles.site() {
            let roles: Vec<Role> = self.roles.iter().copied().collect();
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            let what = format!("{} has other roles: {}", self.login, names.join(", "));
            let act = Act::AskMove { login: login(), roles, site: self.site.clone() };
            steps.push(ask(held, what, act, |change| about(change, "move").then(|| same_roles(change))));
        }
        match (self.ends, account.ends) {
            // What is not said stays as it is.
            (None, _) => {}
            (Some(wanted), Some(now)) if wanted == now => {}
            (Some(wanted), now) if now.is_none_or(|now| wanted < now) => {
                let what = format!("{} ends on {}", self.login, wanted.date());
                steps.push(Step::Order { what, act: Box::new(Act::EndAccount { login: login(), ends: wanted }) });
            }
            (Some(wanted), _) => {
                let what = format!("{} ends on {}", self.login, wanted.date());
                let act = Act::AskProlong { login: login(), ends: self.ends };
                steps.push(ask(held, what, act, |change| about(change, "prolong").then(|| same_end(change))));
            }
        }
        let (file, kept) = (self.file(), &account.file);
        let news = File {
            job: file.job.filter(|job| Some(job) != kept.job.as_ref()),
            clause: file.clause.filter(|clause| Some(clause) != kept.clause.as_ref()),
            // A file may be older than what was declared since.
            awareness: file.awareness.filter(|day| Some(*day) > kept.awareness),
            mail: file.mail.filter(|mail| Some(mail) != kept.mail.as_ref()),
        };
        if news != File::default() && self.login == held.oneself {
            steps.push(Step::Note("your own file is for another to bring up to date".to_owned()));
        } else if news != File::default() {
            let what = format!("the file of {} is brought up to date", self.login);
            steps.push(Step::Order { what, act: Box::new(Act::KeepFile { login: login(), file: news }) });
        }
        steps
    }
}

impl Machine {
    fn differs_from(&self, known: Option<&Workstation>, held: &Held) -> Vec<Step> {
        let Some(known) = known else {
            let (certificate, label, ends) = (self.certificate.clone(), self.label.clone(), self.ends);
            let asked = |change: &Change| match change {
                Change::Workstation { fingerprint, label, ends } if *fingerprint == self.certificate => {
                    Some(*label == self.label && *ends == self.ends)
                }
                _ => None,
            };
            let act = Act::AskWorkstation { certificate, label, ends };
            return vec![ask(held, format!("the workstation {} is known", self.label), act, asked)];
        };
        if known.retired {
            return vec![Step::Note(format!("{} ({}) is retired: it takes a new certificate", known.id, self.label))];
        }
        let mut steps = Vec::new();
        if self.label != known.label || self.ends != known.ends {
            // A certificate is known once: retired, it never is again.
            let (id, label) = (&known.id, &known.label);
            steps.push(Step::Note(format!("{id} is called {label:?} here, or ends another day: that takes a new certificate")));
        }
        let newer = |wanted: Option<Date>, declared: Option<Date>| wanted.filter(|_| wanted > declared);
        let (system, antivirus) = (newer(self.system, known.posture.system), newer(self.antivirus, known.posture.antivirus));
        if system.or(antivirus).is_some() {
            let act = Act::KeepPosture { workstation: known.id.clone(), system, antivirus };
            steps.push(Step::Order { what: format!("{} was brought up to date", known.label), act: Box::new(act) });
        }
        steps
    }
}

/// The settings that the node runs by are those of the file: a site's take two people.
fn approve(site: &SiteName, held: &Held) -> Step {
    let asked = |change: &Change| matches!(change, Change::Site { site: other, .. } if other == site).then_some(true);
    ask(held, format!("the settings of {site} are approved"), Act::AskSite { site: site.clone() }, asked)
}

/// What takes a second person is asked for once. `is_it`: whether a change is about this, and then whether it is the same.
fn ask(held: &Held, what: String, act: Act, is_it: impl Fn(&Change) -> Option<bool>) -> Step {
    let waiting = held.requests.iter().find_map(|request| is_it(&request.change).map(|same| (request.id.to_string(), same)));
    match waiting {
        Some((request, true)) => Step::Waits { what, request },
        Some((request, false)) => {
            Step::Note(format!("{what}: {request} asks for something else; turn it down first: lucarne request refuse {request}"))
        }
        None => Step::Order { what, act: Box::new(act) },
    }
}
