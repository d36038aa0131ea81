import type { DaemonFlags } from '../../config/sources.ts'
import { expandCommand, parseEnvironment } from '../../service/expand.ts'
import { dropIns, type HandUnit, readText, unitFacts } from '../../service/handwritten-units.ts'
import { serviceFiles } from '../../service/plan.ts'
import type { Scope } from '../../service/systemd.ts'
import { accountOf } from './account.ts'
import { environmentSteps, isInTheWay, keep, putAside, unknownSettings } from './put-aside.ts'
import { notUnderstood, readCommandOfService } from './read-command-of-service.ts'
import type { TakenOver } from './taken-over.ts'

/**
 * Reads the settings of a hand-written unit.
 * @param given flags that override the flags of the unit
 * @throws UserError if its command cannot be understood
 */
export async function takeOverUnit(
  scope: Scope,
  { name, path }: HandUnit,
  given: DaemonFlags,
): Promise<TakenOver> {
  const facts = await unitFacts(scope, name)
  const what = `The unit ${name}`
  const [argv = [], ...others] = facts.commands
  if (others.length > 0) throw notUnderstood(what, 'it has several commands (ExecStart=)')
  if (facts.dynamicUser) throw notUnderstood(what, 'its user exists only while it runs (DynamicUser=)')
  const pattern = facts.environmentFiles.find((file) => /[*?[]/.test(file))
  if (pattern !== undefined) throw notUnderstood(what, `EnvironmentFile=${pattern} is a pattern`)
  const manager = scope === 'system' ? 'systemd' : 'systemd-user'
  const account = await accountOf(facts.user || String(process.getuid?.() ?? 0))
  const environment = { ...facts.environment }
  for (const file of facts.environmentFiles)
    Object.assign(environment, parseEnvironment(readText(file) ?? ''))
  const understood = await readCommandOfService({
    what,
    argv: expandCommand(argv, environment),
    environment,
    account,
    cwd: facts.workingDirectory.replace(/^~/, account.home) || '/',
    stateDirectory: facts.stateDirectory[0],
    credential: facts.credentials.key ?? facts.credentials['fomular-key'],
    given,
  })
  const files = serviceFiles(manager, name, account.home)
  const steps = [...keep(path, files.unit), ...dropIns(scope, name).flatMap(putAside)]
  const backups = steps.flatMap((step) => (step.do === 'write' ? [step] : []))
  const { key } = understood
  const holders = [
    ...backups.filter(({ text }) => key && text.includes(key)).map((backup) => backup.path),
    ...[...(path === files.unit ? [] : [path]), ...facts.environmentFiles].filter(
      (file) => key && readText(file)?.includes(key),
    ),
  ]
  const variables = environmentSteps(files.environment, understood.environment)
  const lost = [path, ...dropIns(scope, name).filter((file) => isInTheWay(readText(file) ?? ''))].flatMap(
    unknownSettings,
  )
  return {
    user: account.name,
    ...understood,
    steps: [...steps, ...variables],
    notes: [
      `The unit ${name} is taken over: its server, key, user ${account.name}, state folder ${understood.stateDir}, and variables stay the same.`,
      ...(backups.length > 0
        ? [`The old files are kept in ${backups.map((backup) => backup.path).join(', ')}.`]
        : []),
      ...(holders.length > 0
        ? [`The key is still in ${holders.join(', ')}: delete it there once the service works.`]
        : []),
      ...(variables.length > 0
        ? [`The unit's variables go into the file ${files.environment}, which only its owner can read.`]
        : []),
      ...(lost.length > 0
        ? [
            `Not taken over: ${lost.join(', ')}. To set them again: systemctl ${scope === 'user' ? '--user ' : ''}edit ${name}`,
          ]
        : []),
    ],
  }
}
