// Requests to the server of the page. An error is one line for people.

import { settings } from "./settings.js";

const TIMEOUT_MS = 15000;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
  } catch (error) {
    const slow = error.name === "TimeoutError";
    throw new ApiError(0, slow ? "The page's server did not answer in 15 s." : "No connection to the page's server.");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, body?.error ?? `The page's server answered ${response.status}.`);
  return body;
}

export const get = (path) => request(path, {});

export function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  if (settings().token) headers["X-DRSN-Token"] = settings().token;
  return request(path, { method: "POST", headers, body: JSON.stringify(body) });
}

const id = encodeURIComponent;
export const paths = {
  state: "api/state",
  stream: "api/stream",
  recent: (sensor) => `api/machines/${id(sensor)}/recent`,
  trend: (sensor, hours) => `api/machines/${id(sensor)}/trend?hours=${hours}`,
  events: (sensor) => (sensor ? `api/machines/${id(sensor)}/events?limit=100` : "api/events?limit=200"),
  snapshot: (sensor) => `api/machines/${id(sensor)}/snapshot`,
  evidence: (sensor, event, form = "") => `api/evidence/${id(sensor)}/${id(event)}${form && `.${form}`}`,
};
