import { join } from 'node:path'

/** Where everything of one agent is. See README.md beside this file for who writes what. */
export interface AgentFolder {
  readonly dir: string
  readonly spec: string
  readonly run: string
  readonly journal: string
  readonly cursor: string
  readonly process: string
  readonly exit: string
  readonly stderr: string
  readonly inputs: string
  readonly inbox: string
  readonly fed: string
  readonly bell: string
  readonly lease: string
  readonly launcher: string
  claim(run: number): string
}

export function agentFolder(dir: string): AgentFolder {
  const at = (name: string) => join(dir, name)
  return {
    dir,
    spec: at('spec.json'),
    run: at('run.json'),
    journal: at('activity.jsonl'),
    cursor: at('cursor.json'),
    process: at('process.json'),
    exit: at('exit.json'),
    stderr: at('stderr.log'),
    inputs: at('inputs.jsonl'),
    inbox: at('in'),
    fed: at('fed'),
    bell: at('bell'),
    lease: at('lease'),
    launcher: at('launch.sh'),
    claim: (run) => at(`run.${run}`),
  }
}
