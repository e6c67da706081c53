"use strict";
// Ties the timeline, the transcript and the recording together. Without it the page can be read all the same.
(() => {
  const numbers = JSON.parse(document.getElementById("numbers").textContent);
  const find = (id) => document.getElementById(id);
  const media = find("media"), player = find("player"), slider = find("slider"), playhead = find("playhead");
  const sentences = [...document.querySelectorAll("#sentences > li[data-s]")].map((item) => (
    { item, start: Number(item.dataset.s), end: Number(item.dataset.e) }
  ));
  let playable = false, now = numbers.begin, current = null, frame = 0, chosen = "";

  const clock = (time) => {
    const seconds = Math.max(0, Math.floor(time)), two = (value) => String(value).padStart(2, "0");
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  };
  const signed = (value) => { const text = Math.abs(value).toFixed(1); return (value < 0 && text !== "0.0" ? "−" : "+") + text; };
  const textOf = (item, part) => { const found = item.querySelector(part); return found ? found.textContent.trim() : ""; };

  // The last one of sorted values that is not after the time: its place, or -1.
  const lastBefore = (values, time, key) => {
    let low = 0, high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (key(values[middle]) <= time + 0.005) { low = middle + 1; } else { high = middle; }
    }
    return low - 1;
  };
  const sentenceAt = (time) => {
    const place = lastBefore(sentences, time, (each) => each.start);
    return place >= 0 && time <= sentences[place].end + 0.5 ? sentences[place] : null;
  };
  const described = (time) => {
    const point = numbers.points[lastBefore(numbers.points, time, (each) => each[0]) + 1];
    const parts = [clock(time)];
    if (point && point[0] - time < 2.5) {
      const interval = point[2] === null || point[3] === null ? "" : ` (${signed(point[2])} to ${signed(point[3])})`;
      parts.push(`score ${signed(point[1])}${interval}`);
    }
    const said = sentenceAt(time);
    if (said) { parts.push(`sentence ${textOf(said.item, ".badge").replace(/\s+/g, " ")}: ${textOf(said.item, ".said")}`); }
    return parts.join(" · ");
  };

  const show = (time, { follow = false } = {}) => {
    now = Math.min(Math.max(time, numbers.begin), numbers.end);
    const x = numbers.left + (numbers.right - numbers.left) * (numbers.end > numbers.begin ? (now - numbers.begin) / (numbers.end - numbers.begin) : 0);
    playhead.setAttribute("transform", `translate(${x.toFixed(1)} 0)`);
    playhead.setAttribute("visibility", "visible");
    const text = described(now);
    find("readout").textContent = text;
    slider.setAttribute("aria-valuenow", now.toFixed(1));
    slider.setAttribute("aria-valuetext", text);
    const said = sentenceAt(now);
    if (said !== current) {
      if (current) { current.item.removeAttribute("aria-current"); }
      current = said;
      if (current) {
        current.item.setAttribute("aria-current", "true");
        if (follow) { current.item.scrollIntoView({ block: "center" }); }
      }
    }
  };
  const go = (time, options) => {
    show(time, options);
    if (playable) { media.currentTime = now; }
  };
  const toggle = () => { if (playable) { if (media.paused) { media.play().catch(() => {}); } else { media.pause(); } } };

  // ---- timeline -----------------------------------------------------------------------------------------------------
  const timeAt = (event) => {
    const box = slider.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * numbers.width;
    return Math.min(Math.max((x - numbers.left) / (numbers.right - numbers.left), 0), 1) * (numbers.end - numbers.begin) + numbers.begin;
  };
  const attributes = { role: "slider", tabindex: "0", "aria-label": "Position in the recording", "aria-valuemin": String(numbers.begin), "aria-valuemax": String(numbers.end), "aria-valuenow": String(numbers.begin), "aria-valuetext": clock(numbers.begin) };
  for (const [name, value] of Object.entries(attributes)) { slider.setAttribute(name, value); }
  find("timeline").removeAttribute("tabindex"); // the slider in it takes the focus
  for (const id of ["slider", "readout", "keys"]) { find(id).hidden = false; }
  find("readout").textContent = "";
  slider.addEventListener("click", (event) => { go(timeAt(event)); });
  slider.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) { go(timeAt(event)); } else if (event.pointerType === "mouse") { find("readout").textContent = described(timeAt(event)); }
  });
  slider.addEventListener("pointerleave", () => { find("readout").textContent = current || now > numbers.begin ? described(now) : ""; });
  slider.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30, Home: -Infinity, End: Infinity };
    if (event.key in steps) { go(now + steps[event.key]); }
    else if (event.key === " " || event.key === "Enter") { toggle(); }
    else { return; }
    event.preventDefault();
  });

  // ---- transcript ---------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-time]");
    if (link) {
      go(Number(link.dataset.time));
      if (playable) {
        media.play().catch(() => {});
        if (link.closest("#sentences")) { event.preventDefault(); }
      }
      return;
    }
    const item = event.target.closest("#sentences > li[data-s]");
    if (item && getSelection().isCollapsed) { go(Number(item.dataset.s)); }
  });
  if (find("sentences")) { find("sentences").classList.add("live"); }

  // ---- recording ----------------------------------------------------------------------------------------------------
  const ready = () => {
    playable = true;
    player.hidden = false;
    player.classList.toggle("sound", !media.videoWidth);
    find("columns").classList.add("playable");
    if (find("chooser")) { find("chooser").hidden = true; }
    if (now) { media.currentTime = now; }
  };
  const absent = () => { if (!playable && find("chooser")) { find("chooser").hidden = false; } };
  const tick = () => {
    show(media.currentTime, { follow: find("follow").checked });
    frame = media.paused ? 0 : requestAnimationFrame(tick);
  };
  media.addEventListener("loadedmetadata", ready);
  media.addEventListener("play", () => { cancelAnimationFrame(frame); tick(); });
  media.addEventListener("seeked", () => { if (media.paused) { show(media.currentTime); } });
  const candidates = media.querySelectorAll("source");
  if (candidates.length) { candidates[candidates.length - 1].addEventListener("error", absent); } else { absent(); }
  if (media.readyState >= 1) { ready(); } else if (media.networkState === 3) { absent(); }
  find("speed").addEventListener("change", (event) => { media.playbackRate = Number(event.target.value); });
  if (find("file")) {
    find("file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) {
        URL.revokeObjectURL(chosen);
        chosen = URL.createObjectURL(file);
        media.src = chosen;
      }
    });
  }
})();
