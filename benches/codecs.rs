//! Every codec on three screens, in pixels a second: `cargo bench --bench codecs`.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use lucarne::geometry::{Pixel, Point, Rect, Size};
use lucarne::id::SessionId;
use lucarne::mark::{Identity, Mark, stamp, text};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::{HEXTILE, QUALITY, RAW, TIGHT, ZLIB, ZRLE};
use lucarne::rfb::encoding::tight::Loss;
use lucarne::rfb::encoding::{hextile, raw, tight, zlib, zrle};
use lucarne::rfb::server::{ServerStream, put_rect, put_update};

const SCREEN: Size = Size::new(1920, 1080);

/// Columns of text, a form of few colours, a photograph.
fn screens() -> [(&'static str, Picture); 3] {
    let mut page = Picture::new(SCREEN);
    page.fill(SCREEN.rect(), Pixel::WHITE);
    for n in 0..43u16 {
        for column in 0..3u16 {
            let line = format!("{n:02} Motif : consultation de démonstration, ligne {}", n * 7 + column);
            text::write(&mut page, &line, 16.0, Point { x: 20 + column * 640, y: 24 + n * 25 }, Pixel::rgb(30, 30, 40));
        }
    }
    let mut form = Picture::new(SCREEN);
    form.fill(SCREEN.rect(), Pixel::rgb(0xf5, 0xf7, 0xf9));
    for n in 0..20u16 {
        form.fill(Rect::new(200, 40 + n * 50, 600, 36), Pixel::WHITE);
        form.fill(Rect::new(900, 40 + n * 50, 900, 36), Pixel::rgb(0xdd, 0xea, 0xf7));
        text::write(&mut form, "Nom fictif", 18.0, Point { x: 40, y: 64 + n * 50 }, Pixel::rgb(0x22, 0x2b, 0x35));
    }
    let mut photo = Picture::new(SCREEN);
    let mut grain = 1u32;
    for y in 0..SCREEN.height {
        for (x, pixel) in photo.row_mut(0, y, SCREEN.width).iter_mut().enumerate() {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let light = (128.0 + 80.0 * (x as f32 / 97.0).sin() + 40.0 * (f32::from(y) / 53.0).cos()) as u8;
            *pixel = Pixel::rgb(light, light.wrapping_add((grain >> 30) as u8), 255 - light);
        }
    }
    [("text", page), ("form", form), ("photo", photo)]
}

/// The screen in the pieces that viewers are sent, by one encoder.
fn encode(picture: &Picture, encoding: i32, loss: Loss) -> Vec<u8> {
    let format = PixelFormat::NATIVE;
    let pieces: Vec<Rect> = SCREEN.rect().pieces(512, 128).collect();
    let mut out = Vec::new();
    put_update(pieces.len() as u16, &mut out);
    let (mut deflater, mut streams, mut part) = (zlib::Deflater::default(), tight::Deflaters::default(), Picture::default());
    for rect in pieces {
        part.take(picture, rect);
        put_rect(rect, encoding, &mut out);
        match encoding {
            HEXTILE => hextile::encode(&part, &format.pixel(), &mut out),
            ZLIB => zlib::encode(&part, &format.pixel(), &mut deflater, &mut out),
            ZRLE => zrle::encode(&part, &format.cpixel(), &mut deflater, &mut out),
            TIGHT => drop(tight::encode(&part, &format, loss, &mut streams, &mut out)),
            _ => raw::encode(&part, &format.pixel(), &mut out),
        }
    }
    out
}

fn decode(bytes: &[u8], picture: &mut Picture) {
    let mut stream = ServerStream::new(PixelFormat::NATIVE, &[HEXTILE, ZLIB, ZRLE, TIGHT, *QUALITY.start()]);
    let mut at = 0;
    while let Ok(Some(advance)) = stream.advance(bytes.get(at..).unwrap_or_default(), picture) {
        at += advance.taken;
    }
    assert_eq!(at, bytes.len(), "all of it was decoded");
}

const CODECS: [(&str, i32, Loss); 6] = [
    ("raw", RAW, Loss::None),
    ("hextile", HEXTILE, Loss::None),
    ("zlib", ZLIB, Loss::None),
    ("zrle", ZRLE, Loss::None),
    ("tight", TIGHT, Loss::None),
    ("jpeg", TIGHT, Loss::WhereItSaves(80)),
];

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(SCREEN.area())).sample_size(10);
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    group
}

fn codecs(criterion: &mut Criterion) {
    let screens = screens();
    let mut encoders = group(criterion, "encode");
    for (screen, picture) in &screens {
        for (name, encoding, loss) in CODECS {
            encoders.bench_function(format!("{name}/{screen}"), |b| b.iter(|| encode(black_box(picture), encoding, loss)));
        }
    }
    encoders.finish();
    let mut decoders = group(criterion, "decode");
    for (screen, picture) in &screens {
        for (name, encoding, loss) in CODECS {
            let bytes = encode(picture, encoding, loss);
            let mut shown = Picture::new(SCREEN);
            decoders.bench_function(format!("{name}/{screen}"), |b| b.iter(|| decode(black_box(&bytes), &mut shown)));
        }
    }
    decoders.finish();
}

fn marks(criterion: &mut Criterion) {
    let identity =
        Identity { who: "Claire Martin".into(), what: "Cabinet de démonstration".into(), session: SessionId::random() };
    let mark = Mark::new(&identity, time::OffsetDateTime::UNIX_EPOCH);
    let mut pixels = group(criterion, "pixels");
    let [(_, picture), ..] = screens();
    let mut copy = Picture::default();
    pixels.bench_function("copy", |b| b.iter(|| copy.take(black_box(&picture), SCREEN.rect())));
    pixels.bench_function("copy and stamp", |b| {
        b.iter(|| {
            copy.take(black_box(&picture), SCREEN.rect());
            stamp(&mut copy, Point::default(), &mark);
        });
    });
    pixels.finish();
}

criterion_group!(benches, codecs, marks);
criterion_main!(benches);
