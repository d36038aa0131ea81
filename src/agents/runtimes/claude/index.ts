import { randomUUID } from 'node:crypto'
import type { RuntimeAdapter } from '../runtime.ts'
import { explain } from './explain.ts'
import { findClaude, isPruned } from './find.ts'
import {
  answerPermission,
  contentOf,
  endSession,
  interrupt,
  open,
  prompt,
  setModel,
  setPermissionMode,
  withdraw,
} from './input.ts'
import { isInSession, launch, SETTINGS } from './launch.ts'
import { LOGIN_REMEDY } from './login-remedy.ts'
import { offered } from './offered.ts'
import { onLine, refuse } from './on-line.ts'
import { folder, openSessions } from './open-sessions.ts'
import { places } from './places.ts'
import { probe } from './probe.ts'
import { isSkippable } from './skippable.ts'
import { startupPart, startupPaths } from './startup-files.ts'
import { variables } from './variables.ts'

const STATE_LINE = '^{"type":"system","subtype":"session_state_changed","state":'

const TASKS_LINE = '^{"type":"system","subtype":"background_tasks_changed","tasks":'

/**
 * Runtime for Claude Code with stream-json input and output. Each line can be read without the previous
 * lines.
 */
export const claude = {
  name: 'claude',
  provider: 'anthropic',
  title: 'Claude Code',
  variables,
  loginRemedy: LOGIN_REMEDY,
  folder,
  places,
  isStateful: false,
  onLine,
  refuse,
  isSkippable,
  open,
  prompt,
  contentOf,
  withdraw,
  interrupt,
  setModel,
  setPermissionMode,
  endSession,
  answerPermission,
  offered,
  find: findClaude,
  probe,
  settings: SETTINGS,
  launch,
  startupPaths,
  startupPart,
  idle: {
    state: STATE_LINE,
    idle: `${STATE_LINE}"idle"`,
    tasks: TASKS_LINE,
    noTasks: `${TASKS_LINE}\\[]`,
  },
  isPruned,
  explain,
  newSessionId: randomUUID,
  isInSession,
  openSessions,
} satisfies RuntimeAdapter
