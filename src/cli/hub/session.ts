import { Command } from 'commander'
import { type HubOptions, locateHub, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'

/** Minimum length of an abbreviated id, in characters. */
const LEAST = 4

const HELP = `
A browser is signed in to the hub's console with a session, which belongs to a user key. With an admin key, the
commands show and end the sessions of all keys; with any other key, only the sessions of this key. Notifications
of a session end with it.

Examples:
  $ fomular-daemon hub session list
  $ fomular-daemon hub session end 5d0c41e2`

export function sessionCommand(): Command {
  const command = new Command('session')
    .description('show and end the sessions of browsers that are signed in to the console')
    .addHelpText('after', HELP)
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('list the sessions, with the key, the browser, and the address of each')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon hub session list')
        .action(list),
    ),
  )
  command.addCommand(
    withHub(
      new Command('end')
        .description('end a session: its browser is signed out')
        .argument('<session>', 'id, or prefix of an id')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon hub session end 5d0c41e2')
        .action(end),
    ),
  )
  return command
}

async function connectSessions(flags: HubOptions) {
  const { sessionClient } = await import('../client/hub.ts')
  return sessionClient((await locateHub(flags)).address)
}

async function list({ json, ...flags }: HubOptions) {
  const sessions = await (await connectSessions(flags)).list()
  if (json) return printJson({ sessions })
  if (sessions.length === 0) return print('No browser is signed in. `fomular-daemon open` signs one in.')
  const { sessionTable } = await import('../render/sessions.ts')
  print(sessionTable(sessions, Date.now(), stdoutColors(), stdoutWidth()))
}

async function end(given: string, { json, ...flags }: HubOptions) {
  const client = await connectSessions(flags)
  const [sessions, { resolveId }, { browserName }] = await Promise.all([
    client.list(),
    import('../client/resolve-id.ts'),
    import('../../client/browser-name.ts'),
  ])
  const ids = sessions.map(({ session_id }) => session_id)
  const session_id = resolveId(given, ids, { what: 'session', list: 'hub session list', least: LEAST })
  await client.end(session_id)
  if (json) return printJson({ session_id })
  const { name, user_agent } = sessions.find((each) => each.session_id === session_id)!
  print(`${browserName(user_agent)} is signed out. Its key was ${cleanLine(name, 64)}.`)
}
