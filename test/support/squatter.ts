import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cleanup, tempDir } from './temp.ts'
import { until } from './wait.ts'

const NOBODY = 65534

/** A program of another user that listens on a port, and records everything that it receives. */
export class Squatter {
  readonly #child: ChildProcess
  readonly #heard: string

  private constructor(child: ChildProcess, heard: string) {
    this.#child = child
    this.#heard = heard
  }

  /** @param takes true to accept connections, false to leave them in the queue */
  static async sit(t: Cleanup, host: string, port: number, { takes = true } = {}): Promise<Squatter> {
    const dir = tempDir(t)
    const heard = join(dir, 'heard')
    const program = join(dir, 'squatter.py')
    writeFileSync(heard, '')
    mkdirSync(join(dir, 'up'))
    for (const path of [dir, heard, join(dir, 'up')]) chmodSync(path, 0o777)
    writeFileSync(program, PROGRAM, { mode: 0o644 })
    const child = spawn('python3', [program, host, String(port), heard, String(takes)], {
      uid: NOBODY,
      gid: NOBODY,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const squatter = new Squatter(child, heard)
    t.after(() => squatter.leave())
    await until(() => existsSync(join(dir, 'up/ready')), { what: 'the squatter' })
    return squatter
  }

  /** Returns everything that the program has received. */
  heard = () => readFileSync(this.#heard, 'utf8')

  async leave() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await ended
  }
}

const PROGRAM = `
import os, socket, sys, threading, time
host, port, heard, takes = sys.argv[1:5]
server = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((host, int(port)))
server.listen(16)
open(os.path.join(os.path.dirname(heard), 'up/ready'), 'w').close()

def hear(connection):
    while True:
        data = connection.recv(65536)
        if not data:
            return
        with open(heard, 'ab') as file:
            file.write(data)

while takes != 'true':
    time.sleep(1)
while True:
    connection, _ = server.accept()
    threading.Thread(target=hear, args=(connection,), daemon=True).start()
`
