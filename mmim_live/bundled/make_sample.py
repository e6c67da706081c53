"""Makes sample.mp4: a portrait that speaks, first in praise and smiling, then complaining and frowning.

    python mmim_live/bundled/make_sample.py

needs espeak-ng (a system package) and scikit-image beside the project's own packages. A script, no part of the program:
nothing imports it. The same versions of the tools give the same clip.

The portrait is that of `skimage.data.astronaut()`. FaceLandmarker finds its landmarks; every frame moves them by a
turn of the head, an expression, the opening of the jaw that follows the loudness of the speech, and blinks. A
triangle mesh over the landmarks carries the picture along. The mouth's inside is a layer of its own that hangs on the
upper lip, so that the jaw opens below the teeth instead of stretching them.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import mediapipe as mp
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import FaceLandmarker, FaceLandmarkerOptions
from numpy.typing import NDArray
from scipy.spatial import Delaunay
from skimage import data

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

FOLDER = Path(__file__).parent
FPS = 15
SIZE = 384  # of the clip, pixels
CANVAS = 2 * SIZE  # drawn at twice the size, so that scaling down smooths the edges
CROP = (118, 8, 210)  # left, top and side of the square around the head in the portrait

PRAISE = (
    "I love this film. It is wonderful, and the actors are brilliant.",
    "The songs are beautiful, and I was very happy.",
)
COMPLAINT = (
    "But the ending was terrible.",
    "It was boring, and I hated it.",
    "The story is stupid, and it was a waste of my time.",
)
VOICE = ("-v", "en-gb+f2", "-s", "140", "-g", "2")  # of eight voices the one that streaming recognition gets best
LEAD_S, BREATH_S, PAUSE_S, TAIL_S = 0.8, 0.8, 1.4, 1.3  # a breath between sentences ends an utterance
VOICE_RATE_HZ = 22_050  # espeak-ng's
BLINKS_S = (0.5, 3.1, 5.9, 8.4, 10.2, 12.6, 15.7, 18.1, 20.2)

# Landmarks of the face mesh, by number; the image's left side first.
CORNERS = (61, 291)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
LOWER_LIP = (
    *(14, 15, 16, 17, 87, 86, 85, 84, 178, 179, 180, 181, 88, 89, 90, 91, 95, 96, 77, 146),
    *(317, 316, 315, 314, 402, 403, 404, 405, 318, 319, 320, 321, 324, 325, 307, 375),
)
UPPER_LIDS = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
LOWER_LIDS = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)
LID_FOLDS = (247, 30, 29, 27, 28, 56, 190, 467, 260, 259, 257, 258, 286, 414)
INNER_BROWS, CHEEKS, FACE_SIDES, CHIN = (107, 336), (205, 425), (234, 454), 152
DEPTH = 0.15  # of the face's edge and the hair, in widths of the face
FACE_POINTS = 468  # the ten behind them are the irises, which stay where the lids leave them


# ---- sound -------------------------------------------------------------------------------------------------------


def speak(sentences: tuple[str, ...], pitch: int) -> Floats:
    """The sentences as espeak-ng says them, a breath between them, no silence around them; full scale is 1."""
    said: list[Floats] = []
    for sentence in sentences:
        command = ["espeak-ng", *VOICE, "-p", str(pitch), "--stdout", sentence]
        wav = subprocess.run(command, capture_output=True, check=True).stdout
        body = wav[wav.index(b"data") + 8 :]
        samples = np.frombuffer(body[: len(body) // 2 * 2], np.int16) / 32768
        heard = np.flatnonzero(np.abs(samples) > 0.01)
        said += [samples[heard[0] : heard[-1] + 1], np.zeros(round(BREATH_S * VOICE_RATE_HZ))]
    return np.concatenate(said[:-1])


def loudness(sound: Floats, times_s: Floats) -> Floats:
    """0 to 1 at each time: the root mean square of 80 ms around it."""
    half = VOICE_RATE_HZ // 25
    padded = np.pad(sound, half)
    at = np.round(times_s * VOICE_RATE_HZ).astype(int)
    level = np.array([np.sqrt(np.mean(padded[i : i + 2 * half] ** 2)) for i in at])
    return np.asarray(np.clip(level / np.quantile(level, 0.97), 0, 1) ** 0.7)


# ---- the face ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Face:
    """The portrait, its mesh, and the landmarks in the face's own measure: centre of the mouth, widths of the face."""

    picture: Picture  # [CANVAS, CANVAS, 3]
    points: Floats  # [n, 3]: pixels, z away from the viewer; landmarks, then hair, then the frame of the picture
    follows: Floats  # [n]: how far a point follows the head, 0 to 1
    triangles: NDArray[np.int32]  # [m, 3], without the inside of the mouth
    inside: Picture  # [CANVAS, CANVAS, 3]: the teeth, in darkness
    width: float  # of the face, pixels
    local: Floats  # [n, 2]: right and down


def load_face() -> Face:
    """The portrait with its landmarks found and its mesh laid."""
    left, top, side = CROP
    portraits: Any = data  # some of scikit-image's releases are typed, some are not
    crop = portraits.astronaut()[top : top + side, left : left + side]
    picture = cv2.resize(crop, (CANVAS, CANVAS), interpolation=cv2.INTER_LANCZOS4)
    options = FaceLandmarkerOptions(base_options=BaseOptions(str(FOLDER / "face_landmarker.task")))
    with FaceLandmarker.create_from_options(options) as landmarker:
        found = landmarker.detect(mp.Image(mp.ImageFormat.SRGB, picture)).face_landmarks[0]
    marks = np.array([(mark.x, mark.y, mark.z) for mark in found[:FACE_POINTS]]) * CANVAS
    width = float(np.linalg.norm(marks[FACE_SIDES[1]] - marks[FACE_SIDES[0]]))
    marks[:, 2] = np.minimum(marks[:, 2], DEPTH * width)  # ears and hair go with the cheeks: no folds at the edge
    points, follows = surround(marks, width)
    triangles = Delaunay(points[:, :2]).simplices.astype(np.int32)
    mouth = np.isin(triangles, INNER_LIPS).all(axis=1)
    local = (points[:, :2] - marks[list(CORNERS), :2].mean(axis=0)) / width
    return Face(
        picture=picture,
        points=points,
        follows=follows,
        triangles=triangles[~mouth],
        inside=inside_of_mouth(picture, marks),
        width=width,
        local=local,
    )


def surround(marks: Floats, width: float) -> tuple[Floats, Floats]:
    """Adds two rings of hair and neck and the frame of the picture; says how far each point follows the head."""
    centre = marks.mean(axis=0)
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings, follows = [marks], [np.ones(len(marks))]
    for radius, hair, neck in ((0.78, 0.95, 0.5), (1.02, 0.7, 0.2)):
        ring = centre[:2] + circle * width * radius * np.array([1.0, 1.15])
        kept = (ring > 8).all(axis=1) & (ring < CANVAS - 8).all(axis=1)
        below = np.clip(circle[:, 1], 0, 1)
        depth = np.full((int(kept.sum()), 1), DEPTH * width)
        rings.append(np.hstack([ring[kept], depth]))
        follows.append((hair + (neck - hair) * below)[kept])
    edge = np.linspace(-40, CANVAS + 40, 10)
    frame = [(x, y, 0.0) for x in edge for y in edge if x in (edge[0], edge[-1]) or y in (edge[0], edge[-1])]
    return np.vstack([*rings, frame]), np.concatenate([*follows, np.zeros(len(frame))])


def inside_of_mouth(picture: Picture, marks: Floats) -> Picture:
    """The portrait's own teeth, fading into the dark of the mouth."""
    mask = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(mask, [np.round(marks[list(INNER_LIPS), :2]).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)), (0, 0), 2.0)
    share = soft[..., None] / 255.0
    return np.asarray((picture * share + np.array([58, 20, 20]) * (1 - share)).astype(np.uint8))


# ---- its movements -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pose:
    """What the face does in one frame."""

    mood: float  # 1 smiles, -1 frowns
    jaw: float  # movement of the lower lip in widths of the face; below 0 closes the portrait's open smile
    blink: float  # 0 open, 1 shut
    turn: tuple[float, float, float]  # yaw, pitch, roll, radians
    shift: tuple[float, float]  # right, down; widths of the face


def bump(local: Floats, centre: Floats, radius: float) -> Floats:
    """[n], 0 to 1: how near a point is to the centre."""
    return np.asarray(np.exp(-np.sum((local - centre) ** 2, axis=1) / (2 * radius**2)))


def expression(face: Face, mood: float) -> Floats:
    """[n, 2] in widths of the face. The portrait smiles by itself, so the frown has the longer way."""
    moved = np.zeros_like(face.local)
    smile, frown = max(mood, 0.0), max(-mood, 0.0)
    for sign, corner, cheek, brow in zip((-1, 1), CORNERS, CHEEKS, INNER_BROWS, strict=True):
        lips = bump(face.local, face.local[corner], 0.085)[:, None]
        moved += lips * (smile * np.array([0.012 * sign, -0.02]) + frown * np.array([-0.035 * sign, 0.07]))
        cheeks = bump(face.local, face.local[cheek], 0.12)[:, None]
        moved += cheeks * (smile * np.array([0.0, -0.015]) + frown * np.array([0.0, 0.03]))
        brows = bump(face.local, face.local[brow], 0.09)[:, None]
        moved += brows * (smile * np.array([0.0, -0.02]) + frown * np.array([-0.02 * sign, 0.04]))
    return moved


def jaw(face: Face, opening: float) -> Floats:
    """[n, 2]: the lower lip, the chin and what hangs on them, less towards the sides."""
    half_mouth = abs(face.local[CORNERS[1], 0] - face.local[CORNERS[0], 0]) / 2
    right, down = face.local[:, 0], face.local[:, 1]
    chin = np.exp(-((right / 0.33) ** 2)) * np.clip((down - 0.04) / 0.1, 0, 1)
    chin[len(face.local) - np.count_nonzero(face.follows == 0) :] = 0.0
    chin *= np.exp(-((np.maximum(down - face.local[CHIN, 1], 0) / 0.15) ** 2))  # the neck stays
    lip = np.clip(1 - (right / half_mouth) ** 2, 0, 1)
    weight = chin * (1.0 if opening > 0 else 0.3)
    weight[list(LOWER_LIP)] = lip[list(LOWER_LIP)]
    return np.stack([np.zeros_like(weight), weight * opening], axis=1)


def blinking(face: Face, blink: float) -> Floats:
    """[n, 2]: the upper lids go down over the eyes and take the folds above them along."""
    moved = np.zeros_like(face.local)
    upper, lower, folds = list(UPPER_LIDS), list(LOWER_LIDS), list(LID_FOLDS)
    way = face.local[lower] - face.local[upper]
    moved[upper], moved[lower], moved[folds] = 0.92 * blink * way, -0.08 * blink * way, 0.3 * blink * way
    return moved


def turned(face: Face, pose: Pose) -> Floats:
    """[n, 2] pixels: the head turned about the neck, seen from afar."""
    yaw, pitch, roll = pose.turn
    neck = np.append(face.points[CHIN, :2] + (0, 0.15 * face.width), 0.45 * face.width)
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    placed = (face.points - neck) @ (about_z @ about_y @ about_x).T + neck
    return np.asarray((placed - face.points)[:, :2] + np.array(pose.shift) * face.width)


def poses(sound: Floats, praise_until_s: float, complaint_from_s: float) -> list[Pose]:
    """One pose for each frame; nothing in them is random."""
    times_s = np.arange(round(len(sound) / VOICE_RATE_HZ * FPS)) / FPS
    loud = loudness(sound, times_s)
    half_way = (praise_until_s + complaint_from_s) / 2
    made = []
    for t, level in zip(times_s, loud, strict=True):
        mood = float(-np.tanh((t - half_way) / 0.25))
        rest, least, most = (0.0, -0.04, 0.12) if mood > 0 else (-0.062, -0.062, 0.10)
        talking = LEAD_S <= t <= praise_until_s or t >= complaint_from_s
        opening = least + (most - least) * level if talking and level > 0.05 else rest
        blink = max((1 - abs(t - at) / 0.14 for at in BLINKS_S if abs(t - at) < 0.14), default=0.0)
        sway = np.sin(2 * np.pi * np.array([0.21, 0.33, 0.17]) * t + np.array([0.0, 1.0, 2.0]))
        shake = 0.07 * np.sin(2 * np.pi * 0.9 * t) * max(-mood, 0)  # says no while complaining
        nod = 0.05 * level * (1 if mood > 0 else 0.6)
        turn = (0.10 * sway[0] + shake, 0.03 * sway[1] + nod - 0.03 * mood, 0.045 * sway[2] + 0.02 * mood)
        shift = (0.03 * sway[2], 0.012 * sway[1])
        made.append(Pose(mood, float(opening), float(np.sqrt(blink)), (turn[0], turn[1], turn[2]), shift))
    return made


# ---- drawing -----------------------------------------------------------------------------------------------------


def draw(face: Face, pose: Pose, zoom: float) -> Picture:
    """[SIZE, SIZE, 3]: the portrait in this pose."""
    own = (expression(face, pose.mood) + jaw(face, pose.jaw) + blinking(face, pose.blink)) * face.width
    moved = own + turned(face, pose) * face.follows[:, None]
    placed = face.points[:, :2] + moved
    drawn = cv2.remap(face.picture, *carried(face, placed), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    lips = placed[list(INNER_LIPS)]
    mask = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(mask, [np.round(lips * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    share = cv2.GaussianBlur(mask, (0, 0), 1.5)[..., None] / 255.0
    hung = np.array([[1, 0, moved[13, 0]], [0, 1, moved[13, 1]]])  # on the middle of the upper lip
    inside = cv2.warpAffine(face.inside, hung, (CANVAS, CANVAS), borderMode=cv2.BORDER_REPLICATE)
    whole = drawn * (1 - share) + inside * share
    centre = (CANVAS / 2, CANVAS / 2)
    whole = cv2.warpAffine(
        whole.astype(np.float32),
        cv2.getRotationMatrix2D(centre, 0, zoom),
        (CANVAS, CANVAS),
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(np.clip(cv2.resize(whole, (SIZE, SIZE), interpolation=cv2.INTER_AREA), 0, 255).astype(np.uint8))


def carried(face: Face, placed: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For each pixel, where in the portrait it comes from: the affine map of the triangle that covers it."""
    which = np.zeros((CANVAS, CANVAS), np.int32)
    ones = np.ones((len(face.triangles), 3, 1))
    there = np.concatenate([placed[face.triangles], ones], axis=2)  # [m, 3, 3]
    flat = np.abs(np.linalg.det(there)) < 1e-3
    there[flat] = np.eye(3)
    maps = np.linalg.solve(there, face.points[face.triangles][..., :2])  # [m, 3, 2]
    for index, corners in enumerate(np.round(placed[face.triangles]).astype(np.int32)):
        if not flat[index]:
            cv2.fillConvexPoly(which, corners, index)
    y, x = np.mgrid[:CANVAS, :CANVAS]
    chosen = maps[which]  # [CANVAS, CANVAS, 3, 2]
    source = chosen[..., 0, :] * x[..., None] + chosen[..., 1, :] * y[..., None] + chosen[..., 2, :]
    return source[..., 0].astype(np.float32), source[..., 1].astype(np.float32)


# ---- the clip ----------------------------------------------------------------------------------------------------


def write(path: Path, face: Face, sound: Floats, moves: list[Pose]) -> None:
    """H.264 and AAC; one thread, so that the encoder gives the same bytes again."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        video: VideoStream = container.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "slow"})
        video.width = video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        audio: AudioStream = container.add_stream("aac", rate=VOICE_RATE_HZ, layout="mono")
        audio.bit_rate = 64_000
        size, said = 1024, 0
        for index, pose in enumerate(moves):
            zoom = 1.03 + 0.02 * np.sin(2 * np.pi * index / FPS / 9)
            frame = VideoFrame.from_ndarray(draw(face, pose, zoom), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
            while said + size <= len(sound) and said / VOICE_RATE_HZ <= (index + 1) / FPS:
                block = AudioFrame.from_ndarray(sound[None, said : said + size].astype(np.float32), "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = VOICE_RATE_HZ, said, Fraction(1, VOICE_RATE_HZ)
                container.mux(audio.encode(block))
                said += size
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def main() -> None:
    """Writes sample.mp4 beside this script."""
    praise, complaint = speak(PRAISE, 50), speak(COMPLAINT, 50)
    silences = [np.zeros(round(seconds * VOICE_RATE_HZ)) for seconds in (LEAD_S, PAUSE_S, TAIL_S)]
    sound = np.concatenate([silences[0], praise, silences[1], complaint, silences[2]])
    praise_until_s = LEAD_S + len(praise) / VOICE_RATE_HZ
    path = FOLDER / "sample.mp4"
    write(path, load_face(), sound, poses(sound, praise_until_s, praise_until_s + PAUSE_S))
    print(f"{path}: {path.stat().st_size:,} bytes, {len(sound) / VOICE_RATE_HZ:.1f} s")


if __name__ == "__main__":
    main()
