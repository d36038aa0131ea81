import type { SessionClient } from '../../client/session-client.ts'
import { sleep } from '../../platform/clock.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Me } from '../../protocol/index.ts'
import { sessionClient } from '../client/hub.ts'
import { locateHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { note, print, printJson } from '../terminal.ts'
import { BrowserStart, hasDisplay } from './browser.ts'
import { consoleAddress, signInAddress } from './console-address.ts'
import type { OpenOptions } from './index.ts'

/** Interval between checks whether the browser has signed in, in ms. */
const POLL_MS = 250

/** Signs a browser in to the hub's console. */
export async function open({ json, print: onlyPrint = false, ...flags }: OpenOptions): Promise<void> {
  const { address } = await locateHub(flags)
  const client = sessionClient(address)
  const me = await client.me()
  const home = await consoleAddress(address)
  const before = await idsOf(client, me)
  const { token, expires_at } = await client.makeToken()
  const url = signInAddress(home, token)
  if (json) return printJson({ url, expires_at })
  if (onlyPrint || !hasDisplay(process.env, process.platform)) return show(url, me)
  const signedIn = async () => (await idsOf(client, me)).some((id) => !before.includes(id))
  const outcome = await openInBrowser(url, signedIn, Date.parse(expires_at))
  if (outcome === 'interrupted') process.exitCode = EXIT.interrupted
  else if (outcome === 'signed_in') print(`${home} is open in your browser, signed in as ${nameOf(me)}.`)
  else if (outcome === 'failed') show(url, me)
  else note('The browser has not signed in. To get an address for another browser, add --print.')
}

/** Returns the ids of the sessions of a key. */
const idsOf = async (client: SessionClient, { key_id }: Me) =>
  (await client.list()).flatMap((each) => (each.key_id === key_id ? [each.session_id] : []))

const nameOf = ({ name, role }: Me) => `${cleanLine(name, 64)} (${cleanLine(role, 32)})`

function show(url: string, me: Me) {
  print(url)
  note(`This address signs a browser in as ${nameOf(me)}. It is valid once, for a minute.`)
}

/** Opens an address in the browser, and waits until the browser has signed in. */
async function openInBrowser(url: string, signedIn: () => Promise<boolean>, untilMs: number) {
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  let browser: BrowserStart | undefined
  try {
    browser = new BrowserStart(url)
    while (Date.now() < untilMs) {
      await sleep(POLL_MS, interrupted.signal)
      if (interrupted.signal.aborted) return 'interrupted'
      if (await signedIn()) return 'signed_in'
      if (browser.failed) return 'failed'
    }
    return 'late'
  } catch (error) {
    if (browser) throw error
    // The home folder cannot be written.
    return 'failed'
  } finally {
    browser?.close()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}
