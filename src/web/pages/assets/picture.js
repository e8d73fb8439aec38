// One session: what comes is drawn, what is said is one of six short messages. Keys and clicks go nowhere.
import { word, one } from "./page.js";
import { prepare, resize, clear, cover, decode, draw } from "./canvas.js";

const $ = (id) => document.getElementById(id);
/** With which code a page closes a link that it gives up: it comes by another. */
const GIVEN_UP = 4000;
const PAINTED = 1, PRESENT = 2, HIDDEN = 3, VISIBLE = 4, COPIES = 5, BYE = 6;
/** Between two signs that somebody is there. */
const BEAT = 5000;
/** The node says each second how the picture stands. Silent for so long, it is covered; and then another link is tried. */
const [SILENT, LOST] = [3000, 6000];
/** Links are tried for as long as the node waits, and a little longer; this long after one was lost. */
const [AGAIN, PAUSE] = [35000, 1000];
/** By which the node knows this tab again. */
const tab = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Shows the picture until it is over and the person has read why; gives the reason's code. */
export async function look(engagement) {
  const session = new Session(engagement);
  try {
    await prepare();
  } catch (error) {
    session.over({ code: "pixel", words: word("pixel", { address: error.message }) });
  }
  if (!session.ending) session.open();
  return session.read();
}

class Session {
  constructor({ terms, label }) {
    this.terms = terms;
    this.begun = Date.now();
    this.ending = null;
    this.gap = null;
    /** Signs of copying that the node is told of when there is a link again. */
    this.unsaid = [];
    this.last = performance.now();
    this.drawing = Promise.resolve();
    this.stop = new AbortController();
    $("over").hidden = true;
    $("label").textContent = $("label").title = `${label} · ${terms.purpose}`;
    this.say_state("connecting");
    this.ticking = setInterval(() => this.tick(), 500);
    this.tick();
    this.listen();
  }

  open() {
    this.connect("picture");
    const release = (lock) => this.ending ? lock.release() : this.stop.signal.addEventListener("abort", () => lock.release());
    navigator.wakeLock?.request("screen").then(release, () => {});
  }

  connect(way) {
    const socket = new WebSocket(`wss://${location.host}/${way}/${tab}`);
    const mine = (act) => (event) => socket === this.socket && !this.ending && act(event);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", mine(() => {
      if (document.hidden) this.say(HIDDEN);
      this.unsaid.splice(0).forEach((sign) => this.say(COPIES, sign));
    }));
    socket.addEventListener("message", mine(({ data }) => this.hear(new Uint8Array(data), socket)));
    socket.addEventListener("close", mine(() => this.lost()));
    [this.socket, this.tried] = [socket, performance.now()];
  }

  /** The link is gone. The node waits for a while: the same session goes on when it hears of this tab again. */
  lost() {
    const socket = this.socket;
    this.socket = null;
    socket?.close(GIVEN_UP);
    this.gap ??= performance.now();
    cover(true);
    clear();
    if (!this.state || performance.now() - this.gap > AGAIN) return this.over({ code: "connection_lost" });
    this.say_state("again");
    setTimeout(() => this.ending || this.connect("again"), PAUSE);
  }

  hear(bytes, socket) {
    this.last = performance.now();
    this.gap = null;
    cover(false);
    const view = new DataView(bytes.buffer);
    const told = () => JSON.parse(new TextDecoder().decode(bytes.subarray(1)));
    switch (bytes[0]) {
      case 1:
        return this.tiles(decode(bytes, 6), bytes, socket);
      case 2:
        return this.after(async () => this.ending || resize(view.getUint16(1), view.getUint16(3)));
      case 3:
        return this.stand(told());
      case 4:
        return this.over(told());
    }
  }

  /** Decoded as soon as they come, drawn in their order. Nobody sees a hidden page: what is on it is sent again later. */
  tiles(tiles, bytes, socket) {
    this.after(async () => {
      const decoded = await tiles;
      draw(decoded, !this.ending && !document.hidden && socket === this.socket);
      if (bytes[5] === 1 && socket === this.socket) this.say(PAINTED, ...bytes.subarray(1, 5));
      this.changed = performance.now();
    });
  }

  /** In the order in which they came; nothing is drawn once it is over. */
  after(work) {
    this.drawing = this.drawing.then(work).catch(() => this.over({ code: "page" }));
  }

  stand(state) {
    this.state = state;
    $("real").hidden = !state.real_data;
    if (state.locks_soon !== this.warned) {
      this.warned = state.locks_soon;
      this.show_warning();
    }
    this.tick();
  }

  /** What is read out: no seconds in it. */
  say_state(name) {
    const text = word(name);
    const place = $("state");
    place.dataset.state = name;
    if (place.textContent !== text) place.textContent = text;
  }

  tick() {
    const seconds = (ms) => duration(Math.max(0, ms) / 1000);
    $("elapsed").textContent = word("elapsed", { time: seconds(Date.now() - this.begun) });
    $("remaining").textContent = word("remaining", { time: seconds(new Date(this.terms.closes) - Date.now()) });
    if (!this.state || this.ending) return;
    const now = performance.now();
    const silent = now - this.last;
    const { face, age_ms, link_ms, others } = this.state;
    $("age").textContent = age_ms === null ? "" : word("age", { time: seconds(age_ms + silent) });
    $("others").textContent = $("others").title = others.length > 0 ? word("others", { names: others.join(", ") }) : "";
    const quality = silent > SILENT || link_ms > 400 ? "link-slow" : link_ms > 150 ? "link-fair" : "link-good";
    const far = silent > SILENT ? Math.round(silent) : link_ms;
    $("link").textContent = far === null ? "" : word(quality, { time: `${far} ms` });
    if (this.socket && now - Math.max(this.last, this.tried) > LOST) return this.lost();
    if (this.gap !== null) return;
    cover(silent > SILENT);
    if (silent > SILENT) return this.say_state("link-lost");
    if (face === "live") return this.say_state(now - (this.changed ?? now) > 10000 ? "still" : "live");
    this.say_state(face);
  }

  say(...bytes) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(new Uint8Array(bytes));
  }

  listen() {
    const on = (target, name, act) => target.addEventListener(name, act, { signal: this.stop.signal, capture: true });
    let place = "", beat = -BEAT;
    const present = (event) => {
      if (!event.isTrusted || event.repeat || performance.now() - beat < BEAT) return;
      beat = performance.now();
      this.say(PRESENT);
    };
    on(window, "pointermove", (event) => {
      const now = `${event.clientX} ${event.clientY}`;
      if (now !== place) present(event);
      place = now;
    });
    on(window, "pointerdown", present);
    on(window, "keydown", (event) => {
      present(event);
      const sign = copying(event);
      if (sign !== null) {
        event.preventDefault();
        this.copies(sign);
      }
    });
    // Windows tells of this key when it is let go.
    on(window, "keyup", (event) => event.key === "PrintScreen" && this.copies(0));
    on(window, "beforeprint", () => this.copies(1));
    on(window, "copy", (event) => { event.preventDefault(); this.copies(3); });
    on(window, "cut", (event) => event.preventDefault());
    on(window, "paste", (event) => event.preventDefault());
    on(window, "dragstart", (event) => { event.preventDefault(); this.copies(4); });
    on(window, "drop", (event) => event.preventDefault());
    on(window, "contextmenu", (event) => event.preventDefault());
    on(window, "selectstart", (event) => event.preventDefault());
    on(document, "visibilitychange", () => {
      clear();
      this.say(document.hidden ? HIDDEN : VISIBLE);
    });
    on($("end"), "click", () => { this.leave(); this.over({ code: "viewer_left" }); });
    on($("full"), "click", () => document.fullscreenElement ? document.exitFullscreen() : $("viewer").requestFullscreen());
  }

  copies(sign) {
    if (this.socket?.readyState === WebSocket.OPEN) this.say(COPIES, sign);
    else if (this.unsaid.length < 64) this.unsaid.push(sign);
    clearTimeout(this.copied);
    this.copied = setTimeout(() => { this.copied = null; this.show_warning(); }, 6000);
    this.show_warning();
  }

  /** What was just tried, or what is about to happen. */
  show_warning() {
    const name = this.copied ? "no-copy" : this.warned ? "locks-soon" : null;
    if (name) $("warning").textContent = word(name);
    $("warning").hidden = !name;
  }

  /** Says that nobody looks any more: also when the link is lost, as the node waits. */
  leave() {
    if (this.socket?.readyState === WebSocket.OPEN) return this.say(BYE);
    const socket = new WebSocket(`wss://${location.host}/again/${tab}`);
    socket.addEventListener("open", () => { socket.send(new Uint8Array([BYE])); socket.close(); });
  }

  /** Nothing is left on the canvas. */
  over({ code, session, words }) {
    if (this.ending) return;
    this.ending = code;
    this.stop.abort();
    clearInterval(this.ticking);
    clearTimeout(this.copied);
    clear();
    cover(false);
    this.drawing.then(clear);
    this.socket?.close();
    if (document.fullscreenElement) document.exitFullscreen();
    const known = word(`ended-${code}`);
    const told = known.startsWith("ended-") ? word("ended-other", { code }) : known;
    $("why").textContent = words ? one(words) : told;
    $("reference").textContent = session ? word("reference", { session }) : "";
    $("warning").hidden = true;
    $("over").hidden = false;
    $("back").focus();
    this.said?.();
  }

  /** Until it is over and somebody goes back. */
  async read() {
    if (!this.ending) await new Promise((over) => (this.said = over));
    await new Promise((back) => $("back").addEventListener("click", back, { once: true }));
    return this.ending;
  }
}

/** Which sign of copying a key is, if any: as far as a page is told of it. */
function copying({ key, ctrlKey, metaKey, shiftKey }) {
  const letter = key.toLowerCase();
  if (metaKey && shiftKey && ["s", "3", "4", "5"].includes(letter)) return 5;
  if (!ctrlKey && !metaKey) return null;
  return { p: 1, s: 2, c: 3, x: 3 }[letter] ?? null;
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole >= 172800) {
    const days = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "day", unitDisplay: "long" });
    return days.format(Math.floor(whole / 86400));
  }
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)}`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)}`;
}
