"use strict";

const message = document.getElementById("message");

async function enter() {
  const secret = location.hash.slice(1);
  history.replaceState(null, "", location.pathname); // keeps the secret out of the history
  if (!secret) {
    message.textContent = "请使用管理员发给您的一次性链接登录。";
    return;
  }
  try {
    const answer = await fetch("/enter", { method: "POST", body: secret });
    if (answer.ok) {
      location.replace("/");
    } else {
      message.textContent = (await answer.json()).message;
    }
  } catch {
    message.textContent = "网络不通，请稍后重新打开链接。";
  }
}

enter();
