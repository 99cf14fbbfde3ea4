// Runs a vendor's own Node client in its own folder, with the lines of JSON that client_process.py speaks.
// {"open": path} is a stream, {"bytes": path} a Buffer, {"make": ..., "kwargs": ...} a fresh object; with
// "callback" a method is one that takes a callback, else one that gives a promise.

const fs = require('fs');
const {createRequire} = require('module');
const load = createRequire(process.cwd() + '/');
const objects = {};

function made(path, args) {
  const [module, name] = path.split(':');
  return new (load(module)[name])(...args);
}

function argument(value) {
  if (Array.isArray(value)) return value.map(argument);
  if (value === null || typeof value !== 'object') return value;
  if (value.open) return fs.createReadStream(value.open);
  if (value.bytes) return fs.readFileSync(value.bytes);
  const given = Object.fromEntries(Object.entries(value.make ? value.kwargs : value).map(([k, v]) => [k, argument(v)]));
  return value.make ? made(value.make, [given]) : given;
}

function called(asked, args) {
  const object = objects[asked.name];
  if (!asked.callback) return object[asked.call](...args);
  return new Promise((done, failed) =>
    object[asked.call](...args, (error, answer) => (error ? failed(error) : done(answer))));
}

async function answer(line) {
  const asked = JSON.parse(line);
  const args = (asked.args || []).map(argument);
  try {
    if (asked.make) {
      objects[asked.name] = made(asked.make, args);
      return {result: null};
    }
    const result = await called(asked, args);
    return {result: Buffer.isBuffer(result) ? result.toString('base64') : result === undefined ? null : result};
  } catch (error) {
    return {error: String(error.statusCode || error.code || error.name), message: String(error.message || error)};
  }
}

console.log = console.error; // what clients print must not stand among the answers
let queue = Promise.resolve();
require('readline').createInterface({input: process.stdin})
  .on('line', line => {
    queue = queue.then(async () => process.stdout.write(JSON.stringify(await answer(line)) + '\n'));
  })
  .on('close', () => queue.then(() => process.exit(0)));
