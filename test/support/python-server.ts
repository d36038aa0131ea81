// Needs: python3
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { AgentStatus, Command } from '../../src/protocol/index.ts'
import { until } from './wait.ts'

const SERVER = fileURLToPath(new URL('./minimal_server.py', import.meta.url))

type Said = { type: string; [field: string]: unknown }
type Order = Command extends infer C ? (C extends Command ? Omit<C, 'command_id'> : never) : never

/** A minimal server in Python, which was written from the protocol page alone. */
export class PythonServer {
  readonly said: Said[] = []
  readonly child: ChildProcess
  readonly ended: Promise<void>

  constructor(port: number, key: string, folder: string) {
    this.child = spawn('python3', [SERVER, String(port), key, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.said.push(JSON.parse(line)))
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()))
  }

  order(command: Order | Said) {
    this.child.stdin!.write(`${JSON.stringify(command)}\n`)
  }

  hears(type: string, holds: (message: Said) => boolean = () => true) {
    return until(() => this.said.find((message) => message.type === type && holds(message)), { what: type })
  }

  async agentIs(state: AgentStatus['state']) {
    await this.hears('agent:status', (message) => message.state === state)
  }

  async end() {
    this.child.kill('SIGKILL')
    await this.ended
  }
}
