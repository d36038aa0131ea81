import { VERSION } from '../platform/version.ts'
import type { Command } from '../protocol/index.ts'
import { Schedule } from '../update/schedule.ts'
import { Updates } from '../update/updates.ts'
import type { AgentParts } from './agent-parts.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { Dispatcher } from './dispatcher.ts'
import type { GateWait } from './gate.ts'
import { Messages } from './messages.ts'
import { UpdateHealth } from './update-health.ts'
import { updateOrders } from './update-orders.ts'
import { Workspaces } from './workspaces.ts'
import { Worktrees } from './worktrees.ts'

/** Creates the parts that carry out commands and updates, and that handle the server's messages. */
export function commandParts(
  { config, paths, clock, logger, invocation, supervised, restart }: DaemonOptions,
  parts: AgentParts,
) {
  const { link, answers, health, agents, admission, policy, signatures } = parts
  const updateHealth = new UpdateHealth(health)
  const updates = new Updates({
    stateDir: paths.dir,
    running: VERSION,
    policy: config.update,
    orders: updateOrders(() => policy.inForce),
    started: invocation,
    supervised,
    clock,
    logger,
    onProgress: (command_id, stage, message) =>
      link.send({
        type: 'daemon:update:progress',
        command_id,
        stage,
        ...(message !== undefined && { message }),
      }),
    onChange: (record) => updateHealth.onUpdate(record),
    onSettled: (result) => void answers.give(result, signatures.untilOfOthers()),
    restart,
  })
  const schedule = new Schedule({
    policy: config.update,
    updates,
    clock,
    logger,
    onLooked: (error) => updateHealth.onLooked(error),
  })
  const redacted = <T extends object>(part: T) => parts.redaction.redactPart(part)
  const rulesFor = (folders: string[]) => policy.reading(folders)
  const worktrees = new Worktrees({ dir: paths.worktrees, rulesFor, agents, logger })
  const context = {
    agents,
    trust: parts.trust,
    workspaces: new Workspaces({ rulesFor, redacted, clock, logger }),
    worktrees,
    checkAccepts: () => admission.checkRoom(),
    checkPolicy: (command: Command, wait?: GateWait) => policy.check(command, wait),
    redacted,
    checkMachine: () => health.probe(),
    restart: () => restart(),
    updates,
  }
  const dispatcher = new Dispatcher({
    context,
    admit: (command) => signatures.admit(command),
    answers,
    logger,
  })
  const messages = new Messages({ ...parts, labels: config.labels, dispatcher, updates, logger })
  return { updates, schedule, dispatcher, messages, worktrees }
}

export type CommandParts = ReturnType<typeof commandParts>
