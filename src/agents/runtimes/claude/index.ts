import type { RuntimeAdapter } from '../runtime.ts'
import { decode } from './decode.ts'
import { explain } from './explain.ts'
import { isPruned } from './find.ts'
import * as input from './input.ts'
import { isInSession, launch } from './launch.ts'
import { offered } from './offered.ts'
import { openSessions } from './open-sessions.ts'
import { probe } from './probe.ts'
import { isSkippable } from './skippable.ts'

const STATE_LINE = '^{"type":"system","subtype":"session_state_changed","state":'

const TASKS_LINE = '^{"type":"system","subtype":"background_tasks_changed","tasks":'

/** Runtime for Claude Code, through its stream-json input and output. */
export const claude: RuntimeAdapter = {
  name: 'claude',
  statePattern: STATE_LINE,
  idlePattern: `${STATE_LINE}"idle"`,
  tasksPattern: TASKS_LINE,
  noTasksPattern: `${TASKS_LINE}\\[]`,
  isSkippable,
  probe,
  isPruned,
  launch,
  isInSession,
  openSessions,
  decode,
  explain,
  offered,
  ...input,
}
