"use strict";

const RETRY_MS = 3000;
const SECOND_MS = 1000;
const LONG_WAIT_MS = 15 * SECOND_MS; // GB/T 33358-2016: answered within 15 seconds

const byId = (id) => document.getElementById(id);
let picture = null;
let receivedAt = 0;

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / SECOND_MS);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function queueRow(queue, passed) {
  const row = document.createElement("tr");
  const wait = queue.waiting ? queue.longest_wait_ms + passed : 0;
  const label = element("th", queue.label);
  label.scope = "row";
  row.append(label, element("td", queue.waiting), element("td", clock(wait)), element("td", queue.ready));
  row.classList.toggle("late", wait > LONG_WAIT_MS);
  return row;
}

function agentsTile(agents) {
  const tile = document.createElement("div");
  tile.append(element("dt", agents.label), element("dd", agents.count));
  return tile;
}

function draw() {
  if (!picture) return;
  const passed = picture.current ? performance.now() - receivedAt : 0;
  byId("queues").replaceChildren(...picture.queues.map((queue) => queueRow(queue, passed)));
  byId("nothing").hidden = picture.queues.length > 0;
  byId("agents").replaceChildren(...picture.agents.map(agentsTile));
}

function say(text, well) {
  byId("state").textContent = text;
  document.body.classList.toggle("stale", !well);
}

function connect() {
  const stream = new EventSource("/api/v1/live");
  stream.onmessage = (event) => {
    picture = JSON.parse(event.data);
    receivedAt = performance.now();
    say(picture.current ? "实时" : "交换机未响应，以下不是最新情况", picture.current);
    draw();
  };
  stream.onerror = async () => {
    say("连接中断，正在重新连接……", false);
    if (stream.readyState !== EventSource.CLOSED) return;
    const answer = await fetch("/desk.js").catch(() => null);
    if (answer && answer.status === 401) {
      say("登录已结束，请使用新的一次性链接。", false);
    } else {
      setTimeout(connect, RETRY_MS);
    }
  };
}

byId("leave").addEventListener("click", async () => {
  await fetch("/leave", { method: "POST" });
  location.replace("/enter");
});
setInterval(draw, SECOND_MS);
connect();
