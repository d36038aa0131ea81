import { homeOf } from '../../config/home.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Manager, Status } from '../../service/manager.ts'
import { managerNamed, usualManager } from '../../service/managers.ts'
import { type ManagerName, type Runs, type ServicePlan, serviceNameOf } from '../../service/plan.ts'
import type { Step } from '../../service/steps.ts'
import { readInstalled } from '../../service/unit-mark.ts'
import { checkFree } from './bring-up.ts'
import { planChange } from './change.ts'
import type { ServiceOptions } from './options.ts'
import { besides, checkOtherManagers, startedElsewhere } from './other-managers.ts'
import { daemonFlags, type PlanFlags, planFor } from './plan.ts'
import { checkPort } from './plan-hub.ts'

/** An installation that can be carried out or shown. */
export interface Prepared {
  plan: ServicePlan
  manager: Manager
  /** Current status of the service. */
  before: Status
  steps: Step[]
  /** Effects on the present service and its agents. */
  notes: string[]
  warnings: string[]
  /** True if the running service is stopped first. */
  stops: boolean
  /** True if the steps themselves restart the service. */
  renews: boolean
  /** @see Planned */
  hasPolicy: boolean
}

type Options = ServiceOptions & { start: boolean; takeOver?: boolean; dryRun?: boolean } & PlanFlags

/**
 * Returns the steps that bring the service in line with the options.
 * @throws UserError if that is impossible
 */
export async function prepare(
  runs: Runs,
  { manager: named, name: wanted, takeOver, dryRun, json, start, ...options }: Options,
): Promise<Prepared> {
  const manager = managerNamed(named ?? (usualManager() as ManagerName))
  const asked = { manager: manager.name, name: wanted ?? serviceNameOf(runs) }
  if (runs === 'hub') return prepareHub(manager, asked.name, start, options)
  const { name, taken, notes } = await besides({
    ...asked,
    named: wanted !== undefined,
    takeOver: takeOver ?? false,
    dryRun: dryRun ?? false,
    json: json ?? false,
    home: homeOf(process.env),
    given: daemonFlags(options),
  })
  if (taken && runs === 'up') throw notOurs(name)
  const planned = await planFor(runs, manager.name, name, options, { keyNeeded: true, taken })
  const { plan, key, warnings, hasPolicy } = planned
  checkOtherManagers(manager.name, plan)
  const status = await manager.status({ name, home: plan.account.home })
  const before = taken ? { ...status, user: taken.user, state_dir: taken.stateDir } : status
  checkFree(plan.stateDir, before)
  const { path: file, text } = await manager.file(plan)
  const installed = readInstalled(file)
  if (installed && !installed.mark && !taken) throw notOurs(name)
  // pm2 and launchd read an entry only once: a new entry ends the running service.
  const renews = (manager.name === 'pm2' || manager.name === 'launchd') && installed?.text !== text && start
  const ofOthers = taken !== undefined
  const change = await planChange({ plan, manager, before, renews, ofOthers })
  return {
    plan,
    manager,
    before,
    steps: [...change.steps, ...(taken?.steps ?? []), ...(await manager.install(plan, { start, key }))],
    notes: [...notes, ...(taken?.notes ?? []), ...change.notes],
    warnings: [...warnings, ...startedElsewhere()],
    stops: change.stops,
    renews,
    hasPolicy,
  }
}

async function prepareHub(
  manager: Manager,
  name: string,
  start: boolean,
  options: PlanFlags,
): Promise<Prepared> {
  const { plan, key, warnings, hasPolicy } = await planFor('hub', manager.name, name, options, {
    keyNeeded: false,
  })
  const installed = readInstalled((await manager.file(plan)).path)
  if (installed && !installed.mark) throw notOurs(name)
  checkOtherManagers(manager.name, plan)
  const before = await manager.status({ name, home: plan.account.home })
  checkFree(plan.stateDir, before)
  if (!before.running && start) await checkPort(plan.args)
  const steps = await manager.install(plan, { start, key })
  return { plan, manager, before, steps, notes: [], warnings, stops: false, renews: false, hasPolicy }
}

const notOurs = (name: string) =>
  new UserError('by_hand', `The service ${name} was written by hand.`, {
    remedy: 'First remove that service, or install a second service with --name NAME',
    exitCode: EXIT.refused,
  })
