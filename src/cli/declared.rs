//! People, workstations and papers as a file declares them, and what it takes to get from what there is to that. Sites,
//! networks and policies are in the node's own settings, which are a file already.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};

use crate::governance::account::{Clause, File, Job};
use crate::governance::request::{Change, Request};
use crate::governance::{Account, MailAddress, Paper, Paperwork, Role, Workstation};
use crate::id::SiteName;
use crate::node::act::Act;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Declared {
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
    #[serde(default)]
    disabled: bool,
    job: Option<String>,
    job_date: Option<Date>,
    /// SHA-256 of the signed clause.
    clause: Option<String>,
    clause_signed: Option<Date>,
    awareness: Option<Date>,
    mail: Option<MailAddress>,
}

impl Person {
    fn of(account: &Account) -> Self {
        let File { job, clause, awareness, mail } = account.file.clone();
        Self {
            login: account.login.as_str().to_owned(),
            name: account.name.clone(),
            roles: account.roles.iter().collect(),
            site: account.roles.site().cloned(),
            ends: account.ends,
            disabled: !account.enabled,
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
pub(super) struct Held {
    pub accounts: Vec<Account>,
    pub workstations: Vec<Workstation>,
    pub papers: Vec<(Paperwork, Paper)>,
    pub requests: Vec<Request>,
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

impl Declared {
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
        Self { papers, account: held.accounts.iter().map(Person::of).collect(), workstation: known.map(machine).collect() }
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
                let asked = |change: &Change| matches!(change, Change::Publish { paperwork: other, .. } if *other == paperwork);
                steps.push(ask(held, what, act, asked));
            }
        }
        for person in &self.account {
            match held.accounts.iter().find(|account| account.login.as_str() == person.login) {
                Some(account) => steps.extend(person.differs_from(account, held)),
                None if person.disabled => {
                    steps.push(Step::Note(format!("{} is not here, and disabled in the file", person.login)));
                }
                None => steps.push(person.joins(held)),
            }
        }
        for machine in &self.workstation {
            let known = held.workstations.iter().find(|known| known.fingerprint == machine.certificate && !known.retired);
            steps.extend(machine.differs_from(known, held));
        }
        steps.extend(self.left_out(held, prune));
        steps
    }

    /// What is here and not in the file.
    fn left_out(&self, held: &Held, prune: bool) -> Vec<Step> {
        let named = |account: &&Account| self.account.iter().any(|person| person.login == account.login.as_str());
        let accounts = held.accounts.iter().filter(|account| account.enabled && !named(account)).map(|account| {
            let login = account.login.as_str().to_owned();
            (format!("{login} is disabled: not in the file"), Act::DisableAccount { login })
        });
        let named = |known: &&Workstation| self.workstation.iter().any(|machine| machine.certificate == known.fingerprint);
        let workstations = held.workstations.iter().filter(|known| !known.retired && !named(known)).map(|known| {
            let act = Act::RetireWorkstation { workstation: known.id.clone() };
            (format!("{} ({}) is retired: not in the file", known.id, known.label), act)
        });
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
        ask(held, what, act, |change| matches!(change, Change::Join { login, .. } if login.as_str() == self.login))
    }

    fn differs_from(&self, account: &Account, held: &Held) -> Vec<Step> {
        let (mut steps, login) = (Vec::new(), || self.login.clone());
        let about = |change: &Change, name: &str| change.name() == name && change.subject() == Some(&account.id);
        if self.name != account.name {
            steps.push(Step::Note(format!("{} is called {:?} here: a name does not change", self.login, account.name)));
        }
        match (self.disabled, account.enabled) {
            (true, true) => {
                let what = format!("{} is disabled", self.login);
                steps.push(Step::Order { what, act: Box::new(Act::DisableAccount { login: login() }) });
            }
            (false, false) => {
                let act = Act::AskEnable { login: login() };
                steps.push(ask(held, format!("{} is enabled", self.login), act, |change| about(change, "enable")));
            }
            _ => {}
        }
        if self.roles != account.roles.iter().collect() || self.site.as_ref() != account.roles.site() {
            let roles: Vec<Role> = self.roles.iter().copied().collect();
            let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
            let what = format!("{} has other roles: {}", self.login, names.join(", "));
            let act = Act::AskMove { login: login(), roles, site: self.site.clone() };
            steps.push(ask(held, what, act, |change| about(change, "move")));
        }
        match (self.ends, account.ends) {
            (wanted, now) if wanted == now => {}
            (Some(wanted), now) if now.is_none_or(|now| wanted < now) => {
                let what = format!("{} ends on {}", self.login, wanted.date());
                steps.push(Step::Order { what, act: Box::new(Act::EndAccount { login: login(), ends: wanted }) });
            }
            (ends, _) => {
                let what =
                    format!("{} ends {}", self.login, ends.map_or("never".to_owned(), |ends| format!("on {}", ends.date())));
                steps.push(ask(held, what, Act::AskProlong { login: login(), ends }, |change| about(change, "prolong")));
            }
        }
        let (file, kept) = (self.file(), &account.file);
        let news = File {
            job: file.job.filter(|job| Some(job) != kept.job.as_ref()),
            clause: file.clause.filter(|clause| Some(clause) != kept.clause.as_ref()),
            awareness: file.awareness.filter(|day| Some(day) != kept.awareness.as_ref()),
            mail: file.mail.filter(|mail| Some(mail) != kept.mail.as_ref()),
        };
        if news != File::default() {
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
            let asked =
                |change: &Change| matches!(change, Change::Workstation { fingerprint, .. } if *fingerprint == self.certificate);
            let act = Act::AskWorkstation { certificate, label, ends };
            return vec![ask(held, format!("the workstation {} is known", self.label), act, asked)];
        };
        let mut steps = Vec::new();
        if self.label != known.label || self.ends != known.ends {
            let what = format!(
                "{} is called {:?} here, or ends another day: retire it, and let it be known anew",
                known.id, known.label
            );
            steps.push(Step::Note(what));
        }
        let newer = |wanted: Option<Date>, declared: Option<Date>| wanted.filter(|_| wanted != declared);
        let (system, antivirus) = (newer(self.system, known.posture.system), newer(self.antivirus, known.posture.antivirus));
        if system.or(antivirus).is_some() {
            let act = Act::KeepPosture { workstation: known.id.clone(), system, antivirus };
            steps.push(Step::Order { what: format!("{} was brought up to date", known.label), act: Box::new(act) });
        }
        steps
    }
}

/// What takes a second person is asked for once.
fn ask(held: &Held, what: String, act: Act, is_it: impl Fn(&Change) -> bool) -> Step {
    match held.requests.iter().find(|request| is_it(&request.change)) {
        Some(request) => Step::Waits { what, request: request.id.to_string() },
        None => Step::Order { what, act: Box::new(act) },
    }
}
