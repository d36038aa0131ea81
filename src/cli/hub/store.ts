import { Command } from 'commander'
import { JSON_OUTPUT } from '../options.ts'

const HELP = `
A store is the folder of a hub, with the data in files, or the address of a PostgreSQL database.

Examples:
  $ fomular-daemon hub store check
  $ fomular-daemon hub store migrate --from ~/.fomular/state/hub --to postgres://fomular@db.example.com/fomular`

const MIGRATE_HELP = `
Stop the hub first. The command copies everything that the hub stores, compares the copy with the source, and
deletes nothing. If it is interrupted, run it again: it continues where it ended. Then run the hub with the new
store, and with the same folder (--data-dir), which contains the hub's own keys and the releases. Machines
continue without sending anything twice. A hub refuses the old store from then on.

Exit codes: 0 the copy is complete; 1 a failure; 2 invalid usage; 4 refused, for example because a hub is running,
or the target has other data.

Examples:
  $ fomular-daemon hub store migrate --from ~/.fomular/state/hub --to postgres://fomular@db.example.com/fomular
  $ fomular-daemon hub store migrate --from postgres://fomular@db.example.com/fomular --to ./hub --keys ~/.fomular/state/hub`

const CHECK_HELP = `
Reads everything that the hub stores, and changes nothing. It finds gaps, doubles, wrong offsets, data that cannot be
read, and data that belongs to no agent or machine. The hub may be running: the command
then judges the part of each history that was complete when it was read.

Exit codes: 0 no problem; 1 a problem, or a failure; 2 invalid usage; 4 there is no such store.

Examples:
  $ fomular-daemon hub store check
  $ fomular-daemon hub store check postgres://fomular@db.example.com/fomular --store-password-file password`

const PASSWORD = 'file with the password for the database (default: PGPASSWORD)'

export interface MigrateFlags {
  from: string
  to: string
  keys?: string
  storePasswordFile?: string
  json?: boolean
}

export interface CheckFlags {
  storePasswordFile?: string
  json?: boolean
}

export function storeCommand(): Command {
  const command = new Command('store')
    .description("copy and check the hub's data, in files or in a database")
    .addHelpText('after', HELP)
  command.addCommand(
    new Command('migrate')
      .description("copy the hub's data from files to a PostgreSQL database, or back")
      .requiredOption('--from <store>', 'store that has the data')
      .requiredOption('--to <store>', 'empty store; a missing folder is created')
      .option(
        '--keys <dir>',
        "folder from which a new folder gets the hub's own keys and the releases (default: none)",
      )
      .option('--store-password-file <file>', PASSWORD)
      .option('--json', JSON_OUTPUT.stream)
      .addHelpText('after', MIGRATE_HELP)
      .action(async (_flags, own: Command) =>
        (await import('./store-migrate.ts')).migrateStore(own.optsWithGlobals<MigrateFlags>()),
      ),
  )
  command.addCommand(
    new Command('check')
      .description("find gaps, doubles, and other problems in the hub's data")
      .argument('[store]', 'folder or database address (default: the store of the hub on this machine)')
      .option('--store-password-file <file>', PASSWORD)
      .option('--json', JSON_OUTPUT.object)
      .addHelpText('after', CHECK_HELP)
      .action(async (store: string | undefined, _flags, own: Command) =>
        (await import('./store-check.ts')).checkStoreOf(store, own.optsWithGlobals<CheckFlags>()),
      ),
  )
  return command
}
