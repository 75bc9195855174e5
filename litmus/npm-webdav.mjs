// What programs in JavaScript do with a share: the npm package `webdav`.
// npm-webdav.mjs STEP URL USER PASSWORD: one step; it ends with status 0 if all that it found was as expected.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const { createClient } = await import(require.resolve("webdav"));
const [step, url, username, password] = process.argv.slice(2);
const client = createClient(url, { username, password });
const noise = randomBytes(300_000);
const status = (expected) => (error) => error.status === expected;

const steps = {
    async files() {
        await client.createDirectory("/js/deep/er", { recursive: true });
        assert.equal(await client.putFileContents("/js/binary.dat", noise), true);
        assert.deepEqual(Buffer.from(await client.getFileContents("/js/binary.dat")), noise);
        assert.equal(await client.putFileContents("/js/Müller & Söhne 100% #1.txt", "odd"), true);
        assert.equal(await client.getFileContents("/js/Müller & Söhne 100% #1.txt", { format: "text" }), "odd");
        const names = (await client.getDirectoryContents("/js")).map((entry) => entry.basename).sort();
        assert.deepEqual(names, ["Müller & Söhne 100% #1.txt", "binary.dat", "deep"]);
        const deep = await client.getDirectoryContents("/js", { deep: true });
        assert.ok(deep.some((entry) => entry.filename === "/js/deep/er"));
        assert.equal((await client.stat("/js/binary.dat")).size, noise.length);
        assert.equal(await client.exists("/js/none"), false);
        await client.copyFile("/js/binary.dat", "/js/copy.dat");
        await client.moveFile("/js/copy.dat", "/js/moved.dat");
        assert.equal(await client.exists("/js/copy.dat"), false);
    },
    async streams() {
        await pipeline(Readable.from([noise]), client.createWriteStream("/js/streamed.dat", {}, () => {}));
        // The stream ends before the server has answered.
        for (let tries = 0; !(await client.exists("/js/streamed.dat")) && tries < 100; tries++);
        const part = await buffer(client.createReadStream("/js/streamed.dat", { range: { start: 1000, end: 1999 } }));
        assert.deepEqual(part, noise.subarray(1000, 2000));
    },
    async quota() {
        const { available, used } = await client.getQuota();
        assert.ok(available === "unlimited" || available > 1_000_000);
        assert.ok(used > 0);
    },
    async locks() {
        const lock = await client.lock("/js/moved.dat");
        await assert.rejects(client.putFileContents("/js/moved.dat", "without the token"), status(423));
        const headers = { If: `(<${lock.token.replace(/[<>]/g, "")}>)` };
        assert.equal(await client.putFileContents("/js/moved.dat", "with it", { headers }), true);
        await client.unlock("/js/moved.dat", lock.token);
        assert.equal(await client.putFileContents("/js/moved.dat", "unlocked"), true);
    },
    async refusals() {
        await assert.rejects(client.stat("/js/none"), status(404));
        await assert.rejects(client.createDirectory("/js"), status(405));
        await assert.rejects(client.putFileContents("/none/a.txt", "a"), status(409));
        assert.equal(await client.putFileContents("/js/moved.dat", "mine", { overwrite: false }), false);
        const stranger = createClient(url, { username, password: "wrong" });
        await assert.rejects(stranger.getDirectoryContents("/"), status(401));
    },
    async removed() {
        await client.deleteFile("/js");
        assert.equal(await client.exists("/js"), false);
    },
};
await steps[step]();
