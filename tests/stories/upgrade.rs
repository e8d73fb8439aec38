//! A store of an earlier version comes along, with what is in it.

use argon2::password_hash::PasswordHasher;
use lucarne::config::Config;
use lucarne::demo::rehearsal::{Person, together, went_well};
use lucarne::governance::{Role, Standing};
use lucarne::id::random;
use lucarne::node::act::{Act, Outcome};
use lucarne::rfb::encoding::number;
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use super::house::{House, demo_site};
use super::postgres::Postgres;
use super::script::Script;

/// The last version before people had roles.
const BEFORE_PEOPLE: u32 = 4;

fn hashed(password: &str) -> String {
    argon2::Argon2::default().hash_password_with_salt(password.as_bytes(), &random::<16>()).unwrap().to_string()
}

/// A store as that version left it: an auditor with a former password and a ticket, and a site that was shown.
async fn filled(url: &str, kind: &str) {
    sqlx::any::install_default_drivers();
    let old = TempDir::new().unwrap();
    for file in std::fs::read_dir(format!("{}/migrations/{kind}", env!("CARGO_MANIFEST_DIR"))).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        if name[..4].parse::<u32>().unwrap() <= BEFORE_PEOPLE {
            std::fs::copy(file.path(), old.path().join(name)).unwrap();
        }
    }
    let mut connection = AnyConnection::connect(url).await.unwrap();
    Migrator::new(old.path()).await.unwrap().run(&mut connection).await.unwrap();
    let rows = "INSERT INTO accounts (id, login, name, password, enabled, created, password_set) \
                VALUES ('a-0123456789abcdef0123', 'ancienne', 'Anne Cienne', $1, 1, 1772000000, 1772100000)";
    sqlx::query(rows).bind(hashed("Mot-de-passe-2")).execute(&mut connection).await.unwrap();
    let rows = "INSERT INTO former_passwords (account, password, replaced) VALUES ('a-0123456789abcdef0123', $1, 1772100000)";
    sqlx::query(rows).bind(hashed("Mot-de-passe-1")).execute(&mut connection).await.unwrap();
    for rows in [
        "INSERT INTO sites (name, standing) VALUES ('a', 'showing')",
        "INSERT INTO mask_confirmations (site, width, height) VALUES ('a', 800, 600)",
        "INSERT INTO known_addresses (address, seen) VALUES ('192.0.2.1', 1772300000)",
    ] {
        sqlx::query(rows).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// The account is there, takes a reset to be used, and knows its former passwords.
async fn is_all_there(house: &House) {
    let (stage, company) = (&**house.node().shared(), &house.company);
    let Outcome::Accounts { accounts, .. } = house.by(&company.rssi, Act::ListAccounts { after: None }).await else {
        panic!("the accounts")
    };
    let anne = accounts.into_iter().map(|listed| listed.account).find(|account| account.login.as_str() == "ancienne").unwrap();
    assert_eq!((anne.name.as_str(), anne.enabled, anne.enrolled), ("Anne Cienne", true, false));
    assert!(anne.roles.iter().eq([Role::Auditor]), "{:?}", anne.roles);
    assert_eq!(anne.password_set.unix_timestamp(), 1_772_100_000);
    // It was showing, for no engagement: nobody agreed to that.
    assert_eq!(house.site("a").await.standing, Standing::Stopped);
    let reset = Act::AskReset { login: "ancienne".into() };
    let [one, other] = together(stage, &company.admin, &company.rssi, reset).await.unwrap();
    let code = format!("{}-{}", one.unwrap(), other.unwrap());
    for before in ["Mot-de-passe-1", "Mot-de-passe-2"] {
        let refused = Person::enrol(stage, "ancienne", None, &code, before).await.err().unwrap().to_string();
        assert!(refused.contains("last 12"), "{before}: {refused}");
    }
    let anne = Person::enrol(stage, "ancienne", None, &code, "Mot-de-passe-3").await.unwrap();
    went_well(anne.log_in(stage).await.unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_before_people_had_roles_comes_along() {
    let script = Script::start(1, number::RAW).await;
    let before = async |config: &Config| {
        std::fs::create_dir_all(&config.data).unwrap();
        filled(&format!("sqlite://{}?mode=rwc", config.data.join("lucarne.sqlite").display()), "sqlite").await;
    };
    let house = House::upon(&demo_site("a", script.address), before).await;
    is_all_there(&house).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_before_people_had_roles_comes_along() {
    let script = Script::start(1, number::RAW).await;
    let server = Postgres::start(&lucarne::clock::Clock::system()).await;
    filled(&format!("postgres://lucarne@{}/postgres", server.address()), "postgres").await;
    let house = House::upon(&format!("{}{}", server.settings(), demo_site("a", script.address)), async |_| {}).await;
    is_all_there(&house).await;
    house.close().await;
}

/// There is no way back but the copy from before: a newer store is refused, and the copy goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r28_a_newer_store_is_refused_and_its_copy_from_before_is_put_back() {
    let script = Script::start(1, number::RAW).await;
    let mut house = House::open(&demo_site("a", script.address)).await;
    let Some(file) = house.file() else { return house.close().await };
    house.halt().await;
    let copy = house.dir.path().join("before");
    std::fs::copy(&file, &copy).unwrap();
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of tomorrow', 1, x'00', 1)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let refused = house.begin_again().await.unwrap_err();
    assert!(refused.contains("9999") && refused.contains("put back the copy"), "{refused}");
    std::fs::copy(&copy, &file).unwrap();
    house.begin_again().await.unwrap();
    let Outcome::Accounts { accounts, .. } = house.by(&house.company.rssi, Act::ListAccounts { after: None }).await else {
        panic!("the accounts")
    };
    assert!(accounts.iter().any(|listed| listed.account.login.as_str() == "claire"));
    house.close().await;
}
