// Needs: tmux
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RUN, type Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

const run = promisify(execFile)
let terminals = 0

export interface Shown {
  code: number
  /** Output of the command on the screen, without the typed line. */
  text: string
}

/**
 * A real terminal with 110 columns and 50 rows. The test types into its shell, in which the command `fd` runs
 * the program.
 */
export class Terminal {
  readonly #socket: string
  #commands = 1

  private constructor(socket: string) {
    this.#socket = socket
  }

  static async open(t: Cleanup, stage: Stage, env: Record<string, string> = {}): Promise<Terminal> {
    const name = `terminal-${++terminals}`
    const init = join(stage.dir, `${name}.sh`)
    const program = RUN.map((part) => `'${part}'`).join(' ')
    // The shell's prompt has the exit code of the last command and the number of the next command.
    writeFileSync(init, `fd() { ${program} "$@"; }\nPS1='[$?]\\#> '\nbind 'set enable-bracketed-paste off'\n`)
    const terminal = new Terminal(join(stage.dir, `${name}.sock`))
    t.after(async () => {
      // The terminal has already ended with its shell.
      await terminal.#tmux('kill-server').catch(() => {})
    })
    const shell = `exec bash --noprofile --rcfile '${init}' -i`
    const args = ['-f', '/dev/null', 'new-session', '-d', '-x', '110', '-y', '50', '-c', stage.cwd, shell]
    await run('tmux', ['-S', terminal.#socket, ...args], {
      env: { ...stage.env, LANG: 'C.UTF-8', TERM: 'screen-256color', ...env },
    })
    await terminal.shows(/\[0\]1> $/)
    return terminal
  }

  /** Types keys, by their names in tmux: `Enter`, `C-c`, `C-d`. */
  async press(...keys: string[]) {
    await this.#tmux('send-keys', ...keys)
  }

  /** Types text, without Enter. */
  async enter(text: string) {
    await this.#tmux('send-keys', '-l', text)
  }

  /** Types text, and Enter. */
  async type(text: string) {
    await this.enter(text)
    await this.press('Enter')
  }

  /** Resizes the window. */
  async resize(columns: number, rows: number) {
    await this.#tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`)
  }

  /**
   * Returns the output since the screen was cleared, with wrapped lines joined.
   * @param colors true to include color sequences
   */
  async screen(colors = false): Promise<string> {
    const { stdout } = await this.#tmux('capture-pane', '-p', '-J', '-S', '-', ...(colors ? ['-e'] : []))
    return stdout.trimEnd().replace(/> *$/, '> ')
  }

  /** Waits until the screen matches. @returns the screen */
  async shows(pattern: RegExp): Promise<string> {
    let screen = ''
    await until(
      async () => {
        screen = await this.screen()
        return pattern.test(screen)
      },
      { what: `${pattern} on the screen` },
    ).catch((error) => {
      throw new Error(`${error.message}. It shows:\n${screen}`)
    })
    return screen
  }

  /** Types a command on an empty screen, and does not wait for its end. */
  async begin(command: string) {
    await this.#tmux('send-keys', '-l', 'clear')
    await this.press('Enter')
    this.#commands++
    await this.shows(new RegExp(`^\\[\\d+\\]${this.#commands}> $`))
    await this.#tmux('clear-history')
    await this.type(command)
    this.#commands++
  }

  /** Waits for the end of the command. */
  async over(): Promise<Shown> {
    const screen = await this.shows(new RegExp(`\\[\\d+\\]${this.#commands}> $`))
    const [, text = '', code] = /^[^\n]*\n?([\s\S]*?)\[(\d+)\]\d+> $/.exec(screen) ?? []
    return { code: Number(code), text }
  }

  /** Types a command and waits for its end. */
  async run(command: string): Promise<Shown> {
    await this.begin(command)
    return this.over()
  }

  #tmux(...args: string[]) {
    return run('tmux', ['-S', this.#socket, ...args])
  }
}
