//! Sites that try to hurt: each is left by its name, in time and in bounds, and nobody else's picture suffers. The
//! numbers are those of the table of hostile inputs.

use lucarne::clock::Clock;
use lucarne::geometry::Size;
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::{COPY_RECT, HEXTILE, RAW, RRE, TIGHT, TRLE, ZLIB, ZRLE};
use lucarne::rfb::encoding::zlib::Deflater;
use lucarne::rfb::handshake::server::server_init;
use lucarne::tls::make_certificates;

use super::bystander::Bystander;
use super::eye::{Eye, exact};
use super::house::{House, demo_site};
use super::script::Script;
use super::villain::{Do, Villain, lets_in, offers, shows_then, update};

/// The most memory that this process ever had, in KiB.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

struct Row {
    number: &'static str,
    site: &'static str,
    acts: Vec<Do>,
    cause: &'static str,
    /// Seconds that the story lets pass until then.
    seconds: u64,
}

fn row(number: &'static str, site: &'static str, acts: Vec<Do>, cause: &'static str) -> Row {
    Row { number, site, acts, cause, seconds: 0 }
}

fn then(mut acts: Vec<Do>, bytes: &[u8]) -> Vec<Do> {
    acts.push(Do::Say(bytes.to_vec()));
    acts
}

fn greets_with(bytes: &[u8]) -> Vec<Do> {
    vec![Do::Say(bytes.to_vec())]
}

fn handshakes() -> Vec<Row> {
    let vencrypt = |rest: &[u8]| {
        let acts = [offers(&[19]), vec![Do::Say(vec![0, 2]), Do::Hear(2), Do::Say(rest.to_vec())]].concat();
        row("6", "vencrypt", acts, "up.vencrypt")
    };
    let agreed = [
        offers(&[19]),
        vec![Do::Say(vec![0, 2]), Do::Hear(2), Do::Say([&[0, 1][..], &260u32.to_be_bytes()].concat()), Do::Hear(4)],
    ]
    .concat();
    let init = |width: u16, height: u16, format: [u8; 16], name: u32| {
        let bytes = [&width.to_be_bytes()[..], &height.to_be_bytes(), &format, &name.to_be_bytes()].concat();
        then(lets_in(), &bytes)
    };
    let native = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
    let with = |at: usize, value: u8| {
        let mut format = native;
        format[at] = value;
        format
    };
    vec![
        Row { seconds: 11, ..row("1", "bare", vec![], "up.timeout.version") },
        row("2", "bare", greets_with(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "up.not_rfb"),
        row("2", "bare", greets_with(b"RFB 002.000\n"), "up.bad_version"),
        row("2", "bare", greets_with(&vec![b'A'; 1 << 20]), "up.not_rfb"),
        row(
            "3",
            "bare",
            [greets_with(b"RFB 003.008\n"), vec![Do::Hear(12), Do::Say(vec![0, 255, 255, 255, 255])]].concat(),
            "up.reason_too_long",
        ),
        row("4", "bare", offers(&[17, 30, 5]), "up.no_common_security"),
        row("5", "password", offers(&[1]), "up.downgrade"),
        vencrypt(&[1]),
        row("6", "vencrypt", then(offers(&[19]), &[0, 1]), "up.vencrypt"),
        vencrypt(&[0, 0]),
        row("6", "vencrypt", then(agreed.clone(), &[0]), "up.vencrypt"),
        row("7", "vencrypt", then(agreed, &[1, 22, 3, 3]), "up.tls_injection"),
        row("10", "bare", init(65_535, 65_535, native, 1), "up.size_limit"),
        row("10", "bare", init(0, 0, native, 1), "up.size_limit"),
        row("10", "bare", init(64, 48, native, u32::MAX), "up.size_limit"),
        row("11", "bare", init(64, 48, with(0, 24), 1), "up.pixel_format"),
        row("11", "bare", init(64, 48, with(5, 0), 1), "up.pixel_format"),
        row("11", "bare", init(64, 48, with(11, 12), 1), "up.pixel_format"),
    ]
}

/// Data that inflates to so many zeros, behind its length.
fn bomb(size: usize) -> Vec<u8> {
    let (mut deflater, mut data) = (Deflater::default(), Vec::new());
    let piece = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        deflater.compress(&piece, &mut data);
    }
    [&(data.len() as u32).to_be_bytes()[..], &data].concat()
}

/// A run that never ends, as ZRLE carries it.
fn endless_run() -> Vec<u8> {
    let mut data = Vec::new();
    Deflater::default().compress(&[&[128, 1, 1, 1][..], &[255; 4096]].concat(), &mut data);
    [&(data.len() as u32).to_be_bytes()[..], &data].concat()
}

fn messages() -> Vec<Row> {
    let says = |number, bytes: Vec<u8>, cause| row(number, "bare", shows_then(vec![Do::Say(bytes)]), cause);
    let empty = [vec![0, 0, 255, 255], [0; 12].repeat(5000)].concat();
    let jpeg = |data: &[u8]| update(0, 0, 16, 16, TIGHT, &[&[0x90, data.len() as u8][..], data].concat());
    let huge = [0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xdc, 0xff, 0xdc, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1];
    let progressive = [&[0xff, 0xd8, 0xff, 0xc2, 0, 17, 8, 0, 16, 0, 16][..], &huge[11..]].concat();
    // Behind a head that decoders read one byte too far, and as many passes as there are heads of scans.
    let hidden = [&[0xff, 0xd8, 0xff, 0xe0, 0, 6, 0, 0, 0, 0, 0xff][..], &progressive[2..], &[0xff, 0xda, 0, 2]].concat();
    let scans =
        [&[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 16, 0, 16][..], &huge[11..], &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0].repeat(8)]
            .concat();
    let resize = |n: u32| update(0, 0, 64 + n as u16 % 7, 48, -223, &[]);
    let storm: Vec<u8> = (0..1000).flat_map(resize).collect();
    let cut_text = |length: u32| [&[3, 0, 0, 0][..], &length.to_be_bytes()].concat();
    vec![
        says("12", vec![77], "up.unknown_message"),
        says("13", empty, "up.rect_flood"),
        Row {
            seconds: 36,
            ..row("14", "bare", shows_then(vec![Do::Say(vec![0, 0, 0, 1]), Do::Drip(vec![0; 9], 10)]), "up.stalled")
        },
        says("15", update(63, 0, 2, 1, RAW, &[0; 8]), "up.rect_outside"),
        says("15", update(0, 0, 128, 24, ZRLE, &[0; 8]), "up.rect_outside"),
        says("16", update(0, 0, 4, 4, COPY_RECT, &[0, 63, 0, 0]), "up.copyrect_source"),
        says("17", update(0, 0, 4, 4, RRE, &[255; 8]), "up.rre_count"),
        says("18", update(0, 0, 4, 4, HEXTILE, &[8, 1, 0x30, 0x11]), "up.hextile"),
        says("18", update(0, 0, 4, 4, HEXTILE, &[0xe0, 0, 0]), "up.hextile"),
        says("19", update(0, 0, 4, 4, TIGHT, &[0xb0]), "up.tight"),
        says("19", update(0, 0, 2, 2, TIGHT, &[0x40, 1, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 1, 2, 9]), "up.tight"),
        says("20", update(0, 0, 64, 48, ZLIB, &bomb(64 << 20)), "up.inflate_limit"),
        says("20", update(0, 0, 64, 48, ZRLE, &bomb(64 << 20)), "up.inflate_limit"),
        says("21", update(0, 0, 4, 4, ZRLE, &endless_run()), "up.zrle_run"),
        says("21", update(0, 0, 4, 4, TRLE, &[&[128, 1, 1, 1][..], &[255; 64]].concat()), "up.zrle_run"),
        row("22", "lossy", shows_then(vec![Do::Say(jpeg(&huge))]), "up.jpeg"),
        row("22", "lossy", shows_then(vec![Do::Say(jpeg(&huge[..9]))]), "up.jpeg"),
        row("22", "lossy", shows_then(vec![Do::Say(jpeg(&progressive))]), "up.jpeg"),
        row("22", "lossy", shows_then(vec![Do::Say(jpeg(&hidden))]), "up.jpeg"),
        row("22", "lossy", shows_then(vec![Do::Say(jpeg(&scans))]), "up.jpeg"),
        says("22", jpeg(&huge), "up.tight"),
        // Sizes are read at the pace of frames: the hundredth is not at once.
        Row { seconds: 6, ..says("23", storm, "up.resize_storm") },
        // An odd size message is taken as what it says; the number after it ends the play.
        says(
            "24",
            [update(1, 99, 70, 50, -308, &[&[255, 0, 0, 0][..], &[9; 16 * 255]].concat()), vec![77]].concat(),
            "up.unknown_message",
        ),
        says("25", cut_text(0x7fff_ffff), "up.cuttext"),
        says("25", cut_text(0x8000_0001), "up.cuttext"),
        row("26", "bare", shows_then(vec![Do::Again(vec![2], 1_000_000), Do::Say(vec![77])]), "up.unknown_message"),
        says("26", vec![255, 1, 0, 2, 0x7f, 255, 255, 255], "up.unknown_message"),
        says("26", vec![7, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], "up.unknown_message"),
        says("27", [&[248, 0, 0, 0, 0x80, 0, 0, 0, 255][..], &[0; 255]].concat(), "up.fence"),
        says("27", vec![248, 0, 0, 0, 0, 0, 0, 0, 0], "up.fence"),
        row("27", "bare", shows_then(vec![Do::Again(vec![248, 0, 0, 0, 0x80, 0, 0, 0, 0], 100_000)]), "up.fence"),
        says("28", vec![150, 150, 150, 77], "up.unknown_message"),
        // Encodings that were never asked for.
        says("A", update(0, 0, 1, 1, 50, &[0; 8]), "up.encoding_not_requested"),
        says("A", update(0, 0, 65_535, 65_535, -239, &[]), "up.encoding_not_requested"),
    ]
}

/// A node with a site for each way of being entered, all of them the villain's, and a bystander's.
async fn stage(dir: &std::path::Path, villain: &Villain, script: &Script) -> House {
    make_certificates(dir, &["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("password"), "secretpw\n").unwrap();
    let site = |name: &str, security: &str, more: String| {
        format!(
            "[[site]]\nname = {name:?}\nlabel = \"Villain\"\nkind = \"demo\"\naddress = \"{}\"\nsecurity = {security:?}\n{more}\n",
            villain.address
        )
    };
    let sites = [
        demo_site("a", script.address),
        site("bare", "none", String::new()),
        site("lossy", "none", "jpeg = \"always\"".to_owned()),
        site("password", "none", format!("login = {{ password_file = {:?} }}", dir.join("password"))),
        site("vencrypt", "vencrypt", format!("ca = {:?}", dir.join("ca.pem"))),
    ];
    House::open(&sites.concat()).await
}

/// Where in the conversation a row goes wrong.
fn state(row: &str) -> &'static str {
    match row {
        "1" | "2" => "version",
        "3" | "4" | "5" | "6" | "7" => "security",
        "10" | "11" => "server_init",
        _ => "session",
    }
}

/// How many bytes these acts say.
fn said(acts: &[Do]) -> u64 {
    let bytes = acts.iter().map(|act| match act {
        Do::Say(bytes) | Do::Drip(bytes, _) => bytes.len(),
        Do::Again(bytes, times) => bytes.len() * *times as usize,
        Do::Hear(_) | Do::Reset => 0,
    });
    bytes.sum::<usize>() as u64
}

async fn plays(rows: Vec<Row>) {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Clock::running(time::macros::datetime!(2026-03-01 10:00 UTC));
    let (villain, script) = (Villain::start(clock.clone()).await, Bystander::site().await);
    let house = stage(dir.path(), &villain, &script).await;
    let bystander = Bystander::looks(&house, script).await;
    let memory = peak_memory();
    for Row { number, site, acts, cause, seconds } in rows {
        let bells = acts.iter().any(|act| matches!(act, Do::Again(bytes, _) if *bytes == [2]));
        let last = acts.iter().rposition(|act| said(std::slice::from_ref(act)) > 0).unwrap_or(0);
        let (before, said) = (said(&acts[..last]), said(&acts));
        villain.will(acts);
        let known = house.entries().len();
        let show = house.shows(site);
        let time = async {
            house.clock.sleep(std::time::Duration::from_millis(50)).await;
            for _ in 0..seconds.div_ceil(2) {
                house.clock.sleep(std::time::Duration::from_millis(15)).await;
                clock.advance(std::time::Duration::from_secs(2));
                house.clock.advance(std::time::Duration::from_secs(2));
            }
        };
        tokio::join!(show, time);
        let refused =
            || house.entries().into_iter().skip(known).find(|e| e.kind() == "source.refused" && e.text("cause") == cause);
        let refused = house.until(refused).await;
        let offset = refused.public.get("offset").unwrap().as_u64().unwrap();
        assert!((before..=said).contains(&offset), "row {number}: at {offset}, its last words are {before} to {said}");
        assert_eq!(refused.text("state"), state(number), "row {number}");
        if seconds == 0 {
            let after = house.until(|| villain.left_after()).await;
            assert!(after < std::time::Duration::from_secs(1), "row {number}: left after {after:?}");
        }
        bystander.sees_more(&house).await;
        house.stop(site).await;
        let entries = house.entries().split_off(known);
        let count = |kind: &str| entries.iter().filter(|entry| entry.kind() == kind).count();
        // The last attempt may be the one that Stop ended.
        let attempts = count("source.opening");
        assert!((attempts - 1..=attempts).contains(&count("source.refused")), "row {number}: one record for each attempt");
        assert_eq!(count("source.closed"), count("source.opened"), "row {number}: what was opened is closed");
        for entry in &entries {
            assert!(!format!("{entry:?}").contains("SECRET"), "row {number}: a site's words in the trace");
        }
        if number == "26" && bells {
            assert_eq!(entries.iter().find_map(|entry| entry.count("dropped_bell")), Some(1_000_000));
        }
    }
    let grown = peak_memory() - memory;
    assert!(grown < 48 << 10, "{grown} KiB more than at the start");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_1_to_11_a_site_that_lies_in_its_handshake_is_left_by_name() {
    plays(handshakes()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_12_to_28_a_site_that_lies_in_its_messages_is_left_by_name() {
    plays(messages()).await;
}

/// Row 9: whatever the answer to a password, it is not tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_9_an_unknown_answer_to_a_password_is_never_tried_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let clock = Clock::system();
    let (villain, script) = (Villain::start(clock).await, Script::start(1, RAW).await);
    let house = stage(dir.path(), &villain, &script).await;
    for result in [2u32, 7, u32::MAX] {
        let acts = [offers(&[2]), vec![Do::Say(vec![5; 16]), Do::Hear(16), Do::Say(result.to_be_bytes().to_vec())]].concat();
        villain.will(acts);
        let known = house.entries().len();
        let _ = house.shows("password").await;
        house
            .until(|| {
                let entries = house.entries();
                entries.iter().skip(known).any(|e| e.text("cause") == "up.auth_result").then_some(())
            })
            .await;
        house.pass(130).await;
        assert_eq!(villain.connections(), 1, "result {result}");
        house.stop("password").await;
    }
    house.close().await;
}

/// Row 4: what the site offers is named with its numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_4_what_is_offered_in_vain_is_named_by_number() {
    let dir = tempfile::TempDir::new().unwrap();
    let (villain, script) = (Villain::start(Clock::system()).await, Script::start(1, RAW).await);
    let house = stage(dir.path(), &villain, &script).await;
    villain.will(offers(&[17, 30, 5]));
    let words = format!("{:?}", house.shows("bare").await);
    assert!(words.contains("Ultra (17), Apple Diffie-Hellman (30), RA2 (5)"), "{words}");
    house.close().await;
}

/// Row 23 as the viewer sees it: sizes that come faster than twice a second are passed over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_23_a_viewer_is_told_of_two_sizes_a_second_at_most() {
    let dir = tempfile::TempDir::new().unwrap();
    let (villain, script) = (Villain::start(Clock::system()).await, Script::start(1, RAW).await);
    let house = stage(dir.path(), &villain, &script).await;
    // Each size has its picture, sixty of them a second at most.
    let size = |n: u16| {
        [update(0, 0, 64 + n, 48, -223, &[]), update(0, 0, 64 + n, 48, RAW, &vec![9; usize::from(64 + n) * 48 * 4])].concat()
    };
    villain.will(shows_then((1..90).map(|n| Do::Say(size(n))).collect()));
    house.show("bare").await;
    let mut eye = Eye::enter(&house, &house.ticket("bare").await, &exact(RAW)).await.unwrap();
    assert!(eye.watch_until(|picture| picture.size() == Size::new(153, 48)).await);
    let told = eye.told.iter().filter(|event| matches!(event, lucarne::rfb::server::Event::Resized(_))).count();
    // 178 updates at 30 a second are six seconds: twelve sizes and the last.
    assert!((2..=16).contains(&told), "{told} sizes");
    house.close().await;
}

/// Row 30: a connection that breaks in the middle of a rectangle, and one of another size after it. No pixel of the
/// first is seen on the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_30_a_link_reset_in_mid_rectangle_leaves_nothing_on_the_next_screen() {
    let dir = tempfile::TempDir::new().unwrap();
    let (villain, script) = (Villain::start(Clock::system()).await, Script::start(1, RAW).await);
    let house = stage(dir.path(), &villain, &script).await;
    villain.will(shows_then(vec![Do::Hear(40), Do::Say(update(0, 0, 64, 48, RAW, &[0xff; 600])), Do::Reset]));
    let _ = house.shows("bare").await;
    house.entry(|entry| entry.kind() == "source.closed").await;
    let init = server_init(Size::new(80, 60), &PixelFormat::NATIVE, "x");
    let picture = update(0, 0, 80, 60, RAW, &[0x20; 80 * 60 * 4]);
    villain.will([lets_in(), vec![Do::Say(init), Do::Say(picture)]].concat());
    let mut eye = Eye::enter(&house, &house.ticket("bare").await, &exact(RAW)).await.unwrap();
    house.pass(4).await;
    let new_alone = |picture: &Picture| {
        picture.size() == Size::new(80, 60) && picture.pixels().iter().all(|p| p.r() < 0x50 && p.r() == p.g() && p.g() == p.b())
    };
    assert!(eye.watch_until(new_alone).await);
    house.close().await;
}
