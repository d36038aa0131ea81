import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Reports whether a browser can show a page to the user of this command. */
export const hasDisplay = (env: NodeJS.ProcessEnv, platform: NodeJS.Platform) =>
  platform === 'darwin' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)

/**
 * Opens an address in the browser, by way of a page that only this user can read: other users of the machine
 * can see the arguments of a program. The page is in the home folder, in a file that is not hidden, because
 * browsers in a sandbox can read no other files.
 */
export class BrowserStart {
  readonly #page = join(homedir(), `fomular-console-${randomBytes(6).toString('hex')}.html`)
  readonly #child: ChildProcess
  /** True if no browser could be started. */
  failed = false

  /** @throws the system error */
  constructor(address: string) {
    try {
      writeFileSync(this.#page, pageTo(address), { flag: 'wx', mode: 0o600 })
    } catch (error) {
      // On a full disk, a part of the page may exist.
      this.close()
      throw error
    }
    const opener = process.platform === 'darwin' ? 'open' : 'xdg-open'
    this.#child = spawn(opener, [pathToFileURL(this.#page).href], { stdio: 'ignore', detached: true })
    this.#child.once('error', () => {
      this.failed = true
    })
    this.#child.once('exit', (code) => {
      this.failed ||= code !== 0
    })
    // The opener may run as long as the browser.
    this.#child.unref()
  }

  /** Deletes the page. */
  close() {
    rmSync(this.#page, { force: true })
  }
}

/** Returns a page that leads to an address at once. */
export function pageTo(address: string): string {
  const escaped = address.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
  return `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=${escaped}">
<title>FomularOS</title>
<p><a href="${escaped}">Open the console</a></p>
`
}
