//! Whatever people order, in whatever sequence: no administrator without another person's approval, no picture without an
//! admission, no acceptance by those who operate, none of the last twelve passwords.

use std::collections::{BTreeMap, HashMap, HashSet};

use lucarne::demo::rehearsal::{Person, code_in};
use lucarne::governance::account::File;
use lucarne::governance::{Kind, Role};
use lucarne::id::{EngagementId, RequestId, SiteName, random};
use lucarne::node::act::{Act, Outcome};
use lucarne::picture::Picture;
use lucarne::rfb::encoding::number;
use tokio::task::JoinHandle;

use super::engagements::places;
use super::eye::{Eye, exact};
use super::house::{House, name};

/// A source of choices that can be told again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn one<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        (!among.is_empty()).then(|| &among[self.roll(among.len())])
    }
}

/// What should be true, by what was answered.
#[derive(Default)]
struct Model {
    /// Who asked for each request, and which roles it would grant to whom.
    requests: HashMap<RequestId, (usize, String, Vec<Role>)>,
    /// Roles that two people have granted.
    granted: BTreeMap<String, Vec<Role>>,
    engagements: Vec<(EngagementId, SiteName)>,
    letters: HashMap<EngagementId, String>,
    /// Accepted by the site's contact; not revoked, not ended.
    accepted: HashSet<EngagementId>,
    /// What each site is shown for.
    shown: HashMap<SiteName, EngagementId>,
    passwords: Vec<String>,
    tickets: Vec<(EngagementId, SiteName, String)>,
    /// Views that went on when they were looked at last.
    views: Vec<View>,
    /// Views that the model ended.
    ended: usize,
    /// Audits that were accepted by their letter.
    audits: usize,
}

/// Claire looks, until she is shown nothing more.
struct View {
    engagement: EngagementId,
    site: SiteName,
    watching: JoinHandle<Picture>,
}

/// More are let go.
const VIEWS: usize = 3;

/// Who orders, by what they are at the beginning.
const ADMIN: usize = 0;
const RSSI: usize = 1;
const CONTACT: usize = 2;
const CLAIRE: usize = 3;
const CONTACT_B: usize = 4;
const PEOPLE: usize = 5;

impl Model {
    /// What somebody may be by now.
    fn roles(&self, who: usize) -> Vec<Role> {
        let (login, first) = [
            ("admin", Role::Admin),
            ("rssi", Role::Rssi),
            ("contact.a", Role::Contact),
            ("claire", Role::Auditor),
            ("contact.b", Role::Contact),
        ][who];
        self.granted.get(login).cloned().unwrap_or_else(|| vec![first])
    }

    /// Whether a view may go on, as far as the model knows: there is more that ends one.
    fn may_go_on(&self, view: &View) -> bool {
        self.accepted.contains(&view.engagement)
            && self.shown.get(&view.site) == Some(&view.engagement)
            && self.roles(CLAIRE).contains(&Role::Auditor)
    }

    /// An engagement is over, or no longer accepted.
    fn no_longer(&mut self, engagement: &EngagementId) {
        self.accepted.remove(engagement);
        self.shown.retain(|_, shown| shown != engagement);
    }
}

fn person(house: &House, who: usize) -> &Person {
    match who {
        ADMIN => &house.company.admin,
        RSSI => &house.company.rssi,
        CONTACT => &house.company.contacts[&name("a")],
        CONTACT_B => &house.company.contacts[&name("b")],
        _ => &house.company.auditor,
    }
}

/// What comes of an order; of somebody who can no longer log in, nothing.
async fn by(house: &House, who: usize, act: Act) -> Outcome {
    let what = format!("{} orders {act:?}", person(house, who).login);
    let outcome = person(house, who).order(&**house.node().shared(), act).await;
    let outcome = outcome.unwrap_or_else(|error| Outcome::Failed { message: error.to_string() });
    // Shown if the story fails.
    let told = serde_json::to_value(&outcome).unwrap();
    println!("{what}: {} {}{}", told["outcome"], told["code"], told["message"]);
    outcome
}

/// One choice, by anybody, and what the model learns of its answer.
async fn step(house: &House, model: &mut Model, dice: &mut Dice) {
    let choice = dice.roll(12);
    let engagement = dice.one(&model.engagements).cloned();
    let contact = if engagement.as_ref().is_some_and(|(_, site)| *site == name("b")) { CONTACT_B } else { CONTACT };
    // Mostly by whom it falls to, or nothing would ever happen.
    let whose = [ADMIN, RSSI, ADMIN, ADMIN, ADMIN, contact, contact, contact, contact, CLAIRE, CLAIRE, CLAIRE];
    let who = if dice.roll(3) == 0 { dice.roll(PEOPLE) } else { whose[choice] };
    match (choice, engagement) {
        (0, _) => ask(house, model, dice, who).await,
        (1, _) => approve(house, model, dice, who).await,
        (2 | 3, _) => plan(house, model, dice, who).await,
        (9, _) => change_password(house, model, dice).await,
        (4, Some((engagement, _))) => {
            let act = Act::Notice { engagement: engagement.clone(), reference: "X".into() };
            if let Outcome::Posted { letter } = by(house, who, act).await {
                model.letters.insert(engagement, code_in(letter.as_ref()).unwrap());
            }
        }
        (5 | 6, Some((engagement, _))) => accept(house, model, dice, who, engagement).await,
        (7, Some((engagement, site))) => {
            let (name, id) = ("Dominique".to_owned(), engagement.clone());
            by(house, who, Act::DeclareOperator { engagement: id.clone(), name }).await;
            let shown = match by(house, who, Act::Show { engagement: id, wait: dice.roll(3) == 0 }).await {
                Outcome::Done { .. } => true,
                // It is shown as soon as its source is open.
                Outcome::NotDone { message } => message.contains("is to be shown"),
                _ => false,
            };
            if shown {
                assert!(model.roles(who).contains(&Role::Contact), "shown by somebody of the agency");
                assert!(model.accepted.contains(&engagement), "shown though nobody has accepted");
                model.shown.insert(site, engagement);
            }
        }
        (8, Some((engagement, site))) => take_away(house, model, dice, who, engagement, site).await,
        (_, Some((engagement, site))) => drop(look(house, model, dice, who, engagement, site).await),
        (_, None) => {}
    }
}

async fn approve(house: &House, model: &mut Model, dice: &mut Dice, who: usize) {
    let waiting: Vec<RequestId> = model.requests.keys().cloned().collect();
    let Some(request) = dice.one(&waiting) else { return };
    if let Outcome::Approved { .. } = by(house, who, Act::Approve { request: request.clone() }).await {
        let (asker, login, roles) = model.requests.remove(request).unwrap();
        assert_ne!(asker, who, "approved by whoever asked");
        let own = model.roles(who);
        assert!(own.contains(&Role::Admin) || own.contains(&Role::Rssi), "approved by somebody without the right");
        let privileged = roles.iter().any(|role| role.is_privileged());
        assert!(own.contains(&Role::Rssi) || !privileged, "{roles:?} without an rssi");
        model.granted.insert(login, roles);
    }
}

async fn plan(house: &House, model: &mut Model, dice: &mut Dice, who: usize) {
    let (site, kind) = [("a", Kind::Demo), ("b", Kind::Production)][dice.roll(2)];
    let mut terms = house.company.terms(&name(site), kind, house.clock.wall(), time::Duration::days(60));
    terms.blackout = dice.roll(8) == 0;
    if let Outcome::Planned { engagement } = by(house, who, Act::Plan { terms }).await {
        assert!(model.roles(who).contains(&Role::Admin), "planned by somebody without the right");
        let (id, login) = (engagement.clone(), "claire".into());
        let act = match dice.roll(4) {
            0 => Act::Unassign { engagement: id, login },
            _ => Act::Assign { engagement: id, login },
        };
        by(house, who, act).await;
        model.engagements.push((engagement, name(site)));
    }
}

/// What takes something away, and what the model knows to be over by it.
async fn take_away(house: &House, model: &mut Model, dice: &mut Dice, who: usize, engagement: EngagementId, site: SiteName) {
    let id = engagement.clone();
    match dice.roll(6) {
        0 => {
            if let Outcome::Done { .. } = by(house, who, Act::Stop { site: site.clone() }).await {
                model.shown.remove(&site);
            }
        }
        1 => drop(by(house, who, Act::Pause { site }).await),
        2 => {
            let act = if dice.roll(2) == 0 { Act::Cancel { engagement: id } } else { Act::Close { engagement: id } };
            if let Outcome::Done { .. } = by(house, ADMIN, act).await {
                model.no_longer(&engagement);
            }
        }
        _ => {
            if let Outcome::Done { .. } = by(house, who, Act::Revoke { engagement: id }).await {
                model.no_longer(&engagement);
            }
        }
    }
}

async fn ask(house: &House, model: &mut Model, dice: &mut Dice, who: usize) {
    let roles = vec![Role::ALL[dice.roll(8)]];
    let known = ["claire", "admin", "rssi", "contact.a"][dice.roll(4)].to_owned();
    let login = if dice.roll(6) == 0 { known } else { format!("p{}", dice.roll(3)) };
    let site = roles.contains(&Role::Contact).then(|| name("a"));
    let act = match dice.roll(2) {
        0 => Act::AskMove { login: login.clone(), roles: roles.clone(), site },
        _ => Act::AskJoin {
            login: login.clone(),
            name: "Paul Durand".into(),
            roles: roles.clone(),
            site,
            file: File::default(),
            ends: None,
        },
    };
    if let Outcome::Asked { request, .. } = by(house, who, act).await {
        model.requests.insert(request, (who, login, roles));
    }
}

async fn accept(house: &House, model: &mut Model, dice: &mut Dice, who: usize, engagement: EngagementId) {
    let Ok(digits) = person(house, who).digits(&house.clock) else { return };
    let letter = model.letters.get(&engagement).filter(|_| dice.roll(4) > 0).map(|code| code.as_str().into());
    let (by_letter, declares) = (letter.is_some(), dice.roll(3) > 0);
    let act = Act::Accept { engagement: engagement.clone(), letter, declares, code: digits.into() };
    if let Outcome::Done { .. } = by(house, who, act).await {
        assert!(model.roles(who).contains(&Role::Contact), "accepted by somebody of the agency");
        let audit = model.engagements.iter().any(|(id, site)| *id == engagement && *site == name("b"));
        assert!(by_letter || !audit, "an audit was accepted without its letter");
        model.audits += usize::from(audit);
        model.accepted.insert(engagement);
    }
}

async fn change_password(house: &House, model: &mut Model, dice: &mut Dice) {
    house.clock.advance(std::time::Duration::from_secs(86_400));
    let new = format!("Cheval-neuf-{:02}", dice.roll(16));
    let stage = &**house.node().shared();
    if let Ok(Outcome::Done { .. }) = house.company.auditor.change_password(stage, &new).await {
        assert!(!model.passwords.iter().rev().take(12).any(|old| *old == new), "{new} came again");
        model.passwords.push(new);
    }
}

/// A ticket, and perhaps a look: whoever sees something was admitted, in an engagement that was accepted.
async fn look(house: &House, model: &mut Model, dice: &mut Dice, who: usize, engagement: EngagementId, site: SiteName) -> bool {
    let act = Act::IssueTicket { engagement: engagement.clone(), acknowledged: true, short: false, certificate: None };
    if let Outcome::Ticket { secret, .. } = by(house, who, act).await {
        assert!(model.roles(who).contains(&Role::Auditor), "a ticket for somebody who is no auditor");
        model.tickets.push((engagement, site, secret));
    }
    let Some((engagement, site, ticket)) = model.tickets.last().filter(|_| dice.roll(3) > 0).cloned() else { return false };
    let Ok(mut eye) = Eye::enter(house, &ticket, &exact(number::RAW)).await else { return false };
    assert!(model.accepted.contains(&engagement), "seen though nobody has accepted");
    eye.ask(false).await;
    eye.update().await;
    println!("claire looks at {engagement}");
    if model.views.len() >= VIEWS {
        model.views.remove(0).watching.abort();
    }
    model.views.push(View { engagement, site, watching: tokio::spawn(eye.watch_to_the_end()) });
    true
}

/// What took the right to look away has ended the view, within a second.
async fn ended_in_time(house: &House, model: &mut Model) {
    for view in std::mem::take(&mut model.views) {
        if model.may_go_on(&view) {
            model.views.push(view);
            continue;
        }
        let (over, mut watching) = (house.clock.now(), view.watching);
        let second = std::time::Duration::from_secs(1);
        if house.clock.within(over + second, &mut watching).await.is_err() {
            let ended = house.clock.within(over + 10 * second, watching).await.map(|_| house.clock.now() - over);
            panic!("{} was looked at for a second after it was over: {ended:?}", view.engagement);
        }
        model.ended += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sequence_of_acts_gets_around_the_rules() {
    let rounds = std::env::var("LUCARNE_SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let told = std::env::var("LUCARNE_SEED").ok().and_then(|text| text.parse().ok());
    let (mut looked, mut ended, mut audits) = (0, 0, 0);
    for _ in 0..rounds {
        let seed = told.unwrap_or_else(|| u64::from_le_bytes(random()));
        // Shown if the story fails: LUCARNE_SEED takes it again.
        println!("sequence {seed}");
        let places = places().await;
        let house = &places.house;
        let (mut model, mut dice) = (Model { passwords: vec!["Correct-h0rse".into()], ..Model::default() }, Dice(seed));
        // Somebody looks already: what takes that away must end it.
        house.show("a").await;
        let (first, site) = (house.engagement("a").await, name("a"));
        model.accepted.insert(first.clone());
        model.shown.insert(site.clone(), first.clone());
        model.engagements.push((first.clone(), site.clone()));
        model.tickets.push((first.clone(), site.clone(), house.ticket("a").await));
        while !look(house, &mut model, &mut dice, CLAIRE, first.clone(), site.clone()).await {}
        for _ in 0..150 {
            // Six digits count once: there are others half a minute later.
            house.clock.advance(std::time::Duration::from_secs(31));
            step(house, &mut model, &mut dice).await;
            ended_in_time(house, &mut model).await;
        }
        let entries = house.entries();
        let admitted: HashSet<String> = entries
            .iter()
            .filter(|entry| entry.kind() == "auth.succeeded" && entry.text("method") == "ticket")
            .map(|entry| entry.text("session").to_owned())
            .collect();
        for started in entries.iter().filter(|entry| entry.kind() == "view.started") {
            assert!(admitted.contains(started.text("session")), "seed {seed}: a view without an admission");
            looked += 1;
        }
        (ended, audits) = (ended + model.ended, audits + model.audits);
        privileged_were_granted(house, &model, seed).await;
        places.house.close().await;
    }
    println!("{looked} views, {ended} of them ended by an act, {audits} audits accepted");
    assert!(looked > 0, "somebody looked");
}

/// Whoever has a privileged role was given it by two people, or at genesis.
async fn privileged_were_granted(house: &House, model: &Model, seed: u64) {
    house.clock.advance(std::time::Duration::from_secs(61));
    let may_list =
        |who: usize| model.roles(who).iter().any(|role| ![Role::Auditor, Role::Contact, Role::Physician].contains(role));
    let mut judged = ![RSSI, ADMIN].into_iter().any(may_list);
    for reader in [RSSI, ADMIN] {
        let Outcome::Accounts { accounts, .. } = by(house, reader, Act::ListAccounts { after: None }).await else { continue };
        judged = true;
        for account in accounts.into_iter().map(|listed| listed.account) {
            let login = String::from(account.login.clone());
            let first = !model.granted.contains_key(&login) && ["admin", "rssi"].contains(&login.as_str());
            let granted = model.granted.get(&login).is_some_and(|roles| account.roles.iter().eq(roles.iter().copied()));
            assert!(!account.roles.is_privileged() || first || granted, "seed {seed}: {login} {:?}", account.roles);
        }
    }
    assert!(judged, "seed {seed}: nobody could say who is what");
}
