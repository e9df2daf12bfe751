// The component as JavaScript: node transpile.mjs COMPONENT FOLDER
import { transpile, writeFiles } from '@bytecodealliance/jco-transpile';
const [component, outDir] = process.argv.slice(2);
const { files } = await transpile(component, { name: 'jobs', outDir, instantiation: 'sync' });
await writeFiles({ ...files, [`${outDir}/package.json`]: Buffer.from('{"type":"module"}') });
