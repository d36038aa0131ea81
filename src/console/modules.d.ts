declare module '*.css'

/** Path of a script for a worker, relative to the page. */
declare module 'worker:*' {
  const path: string
  export default path
}
