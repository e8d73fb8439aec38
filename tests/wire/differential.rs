//! An independent decoder (vnc-rs) beside ours, on the same bytes: they mean the same to both. (TRLE is left out:
//! vnc-rs 0.6 reads it with a length before it and tiles of 64×64, which RFC 6143 §7.7.5 has not.)

use lucarne::clock::Clock;
use lucarne::geometry::{Pixel, Rect};
use lucarne::picture::Picture;
use lucarne::rfb::PixelFormat;
use lucarne::rfb::encoding::number::{COPY_RECT, RAW, TIGHT, ZRLE};
use lucarne::rfb::handshake::server::server_init;
use lucarne::rfb::server::{Event, ServerStream};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::dice::{Dice, SIZE};
use vnc::{PixelFormat as VncFormat, VncConnector, VncEncoding, VncEvent};

fn ours(bytes: &[u8]) -> Picture {
    let mut stream = ServerStream::new(PixelFormat::NATIVE, &[TIGHT, ZRLE, COPY_RECT]);
    let (mut picture, mut at, mut updates) = (Picture::new(SIZE), 0, 0);
    while let Some(advance) = stream.advance(&bytes[at..], &mut picture).unwrap() {
        at += advance.taken;
        updates += u32::from(advance.event == Some(Event::UpdateEnded));
    }
    assert!(at == bytes.len() && updates >= 30);
    picture
}

/// What vnc-rs makes of the same updates, until they make the expected picture or it says no more.
async fn theirs(bytes: &[u8], expected: &Picture) -> Picture {
    let clock = Clock::system();
    let (mut server, client) = tokio::io::duplex(1 << 22);
    server.write_all(b"RFB 003.008\n\x01\x01\0\0\0\0").await.unwrap();
    server.write_all(&server_init(SIZE, &PixelFormat::NATIVE, "differential")).await.unwrap();
    server.write_all(bytes).await.unwrap();
    let (mut said, server) = tokio::io::split(server);
    tokio::spawn(async move { drop(said.read_to_end(&mut Vec::new()).await) });
    let connector = VncConnector::new(client)
        .set_auth_method(async move { Ok(String::new()) })
        .add_encoding(VncEncoding::Tight)
        .add_encoding(VncEncoding::Zrle)
        .add_encoding(VncEncoding::CopyRect)
        .add_encoding(VncEncoding::Raw)
        .set_pixel_format(VncFormat::bgra());
    let client = connector.build().unwrap().try_start().await.unwrap().finish().unwrap();
    let mut picture = Picture::new(SIZE);
    for _ in 0..300 {
        while let Ok(Some(event)) = client.poll_event().await {
            match event {
                VncEvent::RawImage(rect, data) => {
                    let pixels: Vec<Pixel> = data.as_chunks::<4>().0.iter().map(|[b, g, r, _]| Pixel::rgb(*r, *g, *b)).collect();
                    picture.put(Rect::new(rect.x, rect.y, rect.width, rect.height), &pixels);
                }
                VncEvent::Copy(to, from) => {
                    picture.copy(lucarne::geometry::Point { x: from.x, y: from.y }, Rect::new(to.x, to.y, to.width, to.height));
                }
                _ => {}
            }
        }
        if picture == *expected {
            break;
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
    drop(server);
    picture
}

#[tokio::test]
async fn an_independent_decoder_sees_the_same_pixels() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    for encoding in [RAW, ZRLE, TIGHT, COPY_RECT] {
        for round in 0..8 {
            let mut bytes = dice.session(RAW, 30);
            bytes.extend(dice.session(encoding, 30));
            let expected = ours(&bytes);
            let seen = theirs(&bytes, &expected).await;
            let wrong = seen.pixels().iter().zip(expected.pixels()).filter(|(a, b)| a != b).count();
            assert_eq!(wrong, 0, "encoding {encoding}, round {round}: pixels differ");
        }
    }
}
