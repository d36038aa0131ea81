import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { isInTheWay, putInPlace, setAside } from './plain-files.ts'

/** The size, in bytes, at which a log file is renamed to `<file>.1`, replacing the previous `<file>.1`. */
const ROTATE_BYTES = 8 * 1024 * 1024

/**
 * Opens a log file. The path may be a pipe, or a link to a device: output that the pipe or device does not
 * accept at once is lost.
 */
function openLog(path: string): number {
  const open = () =>
    openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK, 0o600)
  try {
    return open()
  } catch (error) {
    if (!isInTheWay(path, error)) throw error
    setAside(path)
    return open()
  }
}

/**
 * Opens a log file that is moved aside when it is full. If the file cannot be moved, it keeps growing. If the
 * file was deleted, the next line goes to a new file.
 * @throws the system's error
 */
export function rotatingFile(path: string) {
  let fd = openLog(path)
  const rotate = () => {
    const { size, nlink } = fstatSync(fd)
    if (size <= ROTATE_BYTES && nlink > 0) return
    if (size > ROTATE_BYTES) quietly(() => putInPlace(path, `${path}.1`))
    const next = openLog(path)
    closeSync(fd)
    fd = next
  }
  return {
    write: (line: string) => {
      quietly(rotate)
      quietly(() => writeSync(fd, line))
    },
  }
}

/** Ignores errors such as a full disk or a closed terminal, which must not end the program that logs. */
export function quietly(write: () => void) {
  try {
    write()
  } catch {
    // There is no place to report this error.
  }
}
