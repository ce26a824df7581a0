/**
 * Calls `leave` when the process that forked this one is gone, however it went: nobody else would end this one. At once when it
 * was gone before anybody listened; never in a process that nobody forked.
 */
export function whenParentIsGone(leave: () => void): void {
  if (process.send === undefined) return
  if (process.connected) process.once('disconnect', leave)
  else leave()
}
