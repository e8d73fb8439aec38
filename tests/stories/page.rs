//! A page as somebody makes it who is no browser: byte by byte.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::eye::secure_to;
use super::house::House;

pub struct Page {
    /// The answer, as far as the blank line.
    pub head: String,
    stream: TlsStream<TcpStream>,
}

/// Of a tab that says so.
pub const TAB: &str = "0123abcd";

pub fn origin(house: &House) -> String {
    format!("https://localhost:{}", house.node().addresses.pages.unwrap().port())
}

fn head(house: &House, path: &str, origin: &str, cookie: &str) -> String {
    let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{cookie}\r\n",
        house.node().addresses.pages.unwrap().port()
    )
}

/// A frame of a client (RFC 6455 §5.2), masked with zeros.
pub fn frame(opcode: u8, says: &[u8]) -> Vec<u8> {
    [&[0x80 | opcode, 0x80 | says.len() as u8, 0, 0, 0, 0][..], says].concat()
}

impl Page {
    /// Says these bytes, and hears the answer's head: nothing if there is none.
    pub async fn asks(house: &House, says: &[u8]) -> Self {
        Self::asks_from(house, Ipv4Addr::LOCALHOST, says).await.unwrap()
    }

    async fn asks_from(house: &House, from: Ipv4Addr, says: &[u8]) -> std::io::Result<Self> {
        let stream = secure_to(house, house.node().addresses.pages.unwrap(), from).await?;
        let mut page = Self { head: String::new(), stream };
        page.says(says).await;
        let mut byte = [0];
        while !page.head.ends_with("\r\n\r\n") && matches!(page.stream.read(&mut byte).await, Ok(1)) {
            page.head.push(char::from(byte[0]));
        }
        Ok(page)
    }

    /// Asks for a WebSocket, as a page of `origin`.
    pub async fn upgrade(house: &House, path: &str, origin: &str, cookie: &str) -> Self {
        Self::asks(house, head(house, path, origin, cookie).as_bytes()).await
    }

    /// Comes from any address of loopback: with a ticket of "claire", or again with what it was given.
    pub async fn looks_from(house: &House, from: Ipv4Addr, ticket: &str, own: Option<&str>) -> std::io::Result<Self> {
        let (path, cookie) = match own {
            None => ("picture", format!("__Host-ticket=claire:{ticket}")),
            Some(own) => ("again", format!("__Host-again-{TAB}={own}")),
        };
        Self::asks_from(house, from, head(house, &format!("/{path}/{TAB}"), &origin(house), &cookie).as_bytes()).await
    }

    /// Comes with a ticket of "claire".
    pub async fn enters(house: &House, ticket: &str) -> Self {
        let cookie = format!("__Host-ticket=claire:{ticket}");
        Self::upgrade(house, &format!("/picture/{TAB}"), &origin(house), &cookie).await
    }

    /// Comes again with what it was given.
    pub async fn comes_again(house: &House, own: &str) -> Self {
        let cookie = format!("__Host-again-{TAB}={own}");
        Self::upgrade(house, &format!("/again/{TAB}"), &origin(house), &cookie).await
    }

    /// What the tab was given to come again by.
    pub fn own(&self) -> String {
        let cookie = format!("set-cookie: __Host-again-{TAB}=");
        let place = self.head.find(&cookie).unwrap_or_else(|| panic!("{}", self.head)) + cookie.len();
        self.head[place..].split(';').next().unwrap().to_owned()
    }

    pub async fn says(&mut self, bytes: &[u8]) {
        // Whoever is cut off meanwhile hears so.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next frame: its opcode and what it says. `None`: nothing comes any more.
    pub async fn hears(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = match head[1] {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut says = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut says).await.ok()?;
        Some((head[0] & 0x0f, says))
    }

    /// The next message of this kind; what comes before it is passed over.
    pub async fn hears_of(&mut self, kind: u8) -> Option<Vec<u8>> {
        loop {
            let (opcode, says) = self.hears().await?;
            if opcode == 2 && says.first() == Some(&kind) {
                return Some(says);
            }
        }
    }

    /// With which code it was closed (RFC 6455 §7.4); `None`: it was cut.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            let (opcode, says) = self.hears().await?;
            if opcode == 8 {
                return Some(u16::from_be_bytes([says[0], says[1]]));
            }
        }
    }

    /// Waits until nothing comes any more.
    pub async fn is_over(&mut self) {
        let mut rest = [0; 4096];
        while matches!(self.stream.read(&mut rest).await, Ok(1..)) {}
    }

    /// Gone, without a word.
    pub fn falls_silent(self) {
        let (tcp, _) = self.stream.into_inner();
        drop(tcp);
    }
}
