"use strict";

// The token stands behind the #, which no server sees; it is taken out of the address bar and the history at once.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);

const form = document.querySelector("form");
const button = document.querySelector("button");
const password = document.getElementById("password");
const again = document.getElementById("again");

const say = (text) => { document.querySelector("[role=status]").textContent = text; };

async function changePassword() {
  const reply = await fetch("api/auth/reset-password", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, password: password.value }),
  });
  const { message, error } = await reply.json();
  if (reply.ok) form.hidden = true;
  say(reply.ok ? message : error);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (password.value !== again.value) return say("The two passwords differ.");
  button.disabled = true;
  try {
    await changePassword();
  } catch {
    say("That did not work; please try again.");
  } finally {
    button.disabled = false;
  }
});

if (!token) {
  form.hidden = true;
  say("Please open the link of the mail once more: its end is missing.");
}
